"""Several outputs at once: all show the same, and none disturbs another."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import pytest
from support.pipeline_parts import (
    HEIGHT,
    SHARP,
    WIDTH,
    RecordingSink,
    SquareEngine,
    SquareSource,
    backend_of,
)
from support.rig import Rig, leaks

from bgblur.compositing.card import card
from bgblur.compositing.look import Look
from bgblur.errors import BgblurError, OutputError, UsageError
from bgblur.frame import Image
from bgblur.pipeline import output_thread, sink_keeper
from bgblur.pipeline.outputs import OutputState
from bgblur.pipeline.pipeline import Pipeline
from bgblur.pipeline.sink_keeper import OpenSink
from bgblur.pipeline.state import Part, Rest, State
from bgblur.pipeline.words import CARDS, ENDED_CARD

FULL = "the disk is full"


class Blocking(RecordingSink):
    """Does not return from ``publish`` while ``stuck`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.stuck = threading.Event()

    def publish(self, picture: Image) -> None:
        while self.stuck.is_set():
            time.sleep(0.01)
        super().publish(picture)


class Tape(RecordingSink):
    """A recording; closing it takes ``takes`` seconds, or while ``slow`` is set, and raises
    ``error``."""

    kept = True
    resizing = "never"

    def __init__(self, takes: float = 0.0, error: str | None = None) -> None:
        super().__init__()
        self.takes, self.error = takes, error
        self.slow = threading.Event()

    def publish(self, picture: Image) -> None:
        if self.refuse.is_set():
            raise OutputError(FULL)
        super().publish(picture)

    def close(self) -> None:
        time.sleep(self.takes)
        while self.slow.is_set():
            time.sleep(0.01)
        super().close()
        if self.error is not None:
            raise OutputError(self.error)


class Planar(RecordingSink):
    pixel_format = "i420"


def refused(*_: object) -> RecordingSink:
    raise UsageError("talk.mp4 exists already")


@contextmanager
def feeding(look: Look | None = None, **sinks: Any) -> Iterator[Rig]:
    """A running pipeline with these outputs, each of which is open."""
    rig = Rig()
    rig.pipeline = Pipeline(
        rig.source, sinks, lambda: backend_of(SquareEngine()), look or Look(), SHARP
    )
    rig.pipeline.start()
    try:
        rig.wait(lambda: rig.pipeline.stats.frames > 3, 20)
        yield rig
    finally:
        rig.pipeline.stop()


def more(rig: Rig, sink: RecordingSink, count: int = 8) -> None:
    begun = len(sink.published)
    rig.wait(lambda: len(sink.published) >= begun + count, 10)


def problem(rig: Rig) -> str:
    return rig.pipeline.problems.now().get(Part.OUTPUT, "")


def error(rig: Rig) -> BgblurError | None:
    return rig.pipeline.fatal


def shows(sink: RecordingSink, text: str) -> bool:
    return np.array_equal(sink.published[-1][1], card(WIDTH, HEIGHT, text))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_thread, "BLOCKED_AFTER", 0.3)
    monkeypatch.setattr(sink_keeper, "RETRY_LAST", 0.3)


# ------------------------------------------------------------ none disturbs another


def test_one_that_blocks_or_is_lost_does_not_disturb_the_others() -> None:
    stuck, lost, well = Blocking(), RecordingSink(), RecordingSink()
    with feeding(stuck=stuck, lost=lost, well=well) as rig:
        for sink in (stuck, lost, well):
            more(rig, sink)
        stuck.stuck.set()
        lost.refuse.set()
        rig.wait(lambda: "stuck does not respond" in problem(rig))
        rig.wait(lambda: "lost: the output is gone" in problem(rig))
        held = len(stuck.published)
        more(rig, well, 60)
        assert rig.pipeline.outputs == [
            OutputState("stuck", "record"),
            OutputState("lost", None),
            OutputState("well", "record"),
        ]
        begun = len(well.published)
        stuck.stuck.clear()
        lost.refuse.clear()
        more(rig, stuck, 3)
        late = len(stuck.published) - held - (len(well.published) - begun)
        assert late < 30, "what it missed does not come late"
        more(rig, lost)
        rig.wait(lambda: not problem(rig))
        assert not leaks([p for sink in (stuck, lost, well) for p in sink.since(0)])
    assert all(shows(sink, ENDED_CARD) and sink.closed for sink in (stuck, lost, well))


def test_at_the_start_one_of_them_is_enough_and_the_other_comes_later() -> None:
    missing, well = RecordingSink(), RecordingSink()
    missing.refuse.set()
    with feeding(missing=missing, well=well) as rig:
        assert problem(rig) == "missing: the output is gone"
        more(rig, well)
        missing.refuse.clear()
        more(rig, missing)
        assert missing.opened == [(WIDTH, HEIGHT)]
        assert problem(rig) == ""


def test_at_the_start_one_that_hangs_does_not_hold_up_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(output_thread, "OPENS_WITHIN", 0.1)
    held, well, late = threading.Event(), RecordingSink(), RecordingSink()

    def hangs(width: int, height: int, fps: float) -> RecordingSink:
        held.wait(30)
        return late(width, height, fps)

    with feeding(hangs=hangs, well=well) as rig:
        more(rig, well)
        rig.wait(lambda: "hangs does not respond" in problem(rig))
        assert not late.opened
        held.set()
        more(rig, late)
        rig.wait(lambda: not problem(rig))


def test_a_late_word_that_an_output_must_not_be_opened_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(output_thread, "OPENS_WITHIN", 0.1)
    held, well = threading.Event(), RecordingSink()

    def late(*_: object) -> RecordingSink:
        held.wait(30)
        raise UsageError("talk.mp4 exists already")

    with feeding(late=late, well=well) as rig:
        held.set()
        rig.wait(lambda: "exists already" in problem(rig))
        threads = {t.output.keeper.device: t for t in rig.pipeline._outputs._threads.values()}
        rig.wait(lambda: not threads["late"].is_alive)
        assert problem(rig) == "late: talk.mp4 exists already"


def test_when_none_responds_the_start_ends_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_thread, "ANY_OPENS_WITHIN", 0.1)
    held = threading.Event()

    def hangs(*_: object) -> RecordingSink:
        held.wait(30)
        return RecordingSink()

    with (
        pytest.raises(OutputError, match="one and two do not respond"),
        feeding(one=hangs, two=hangs),
    ):
        pass
    held.set()


def test_a_recording_that_must_not_be_opened_is_not_tried_again() -> None:
    """The second try would take another name."""
    tries: list[float] = []

    def refuses(*_: object) -> RecordingSink:
        tries.append(time.monotonic())
        raise UsageError("talk.mp4 exists already")

    def slow(*_: object) -> RecordingSink:
        time.sleep(0.6)
        raise OutputError("gone")

    with (
        pytest.raises(UsageError, match="exists already"),
        feeding(tape=refuses, well=RecordingSink(), slow=slow),
    ):
        pass
    assert len(tries) == 1


@pytest.mark.parametrize(
    ("second", "said"),
    [(refused, "exists already"), (None, "the output is gone")],
    ids=["must not be opened", "all are missing"],
)
def test_a_start_that_fails_leaves_nothing_open(second: OpenSink | None, said: str) -> None:
    first = RecordingSink()
    if second is None:
        first.refuse.set()
        second = first
    pipeline = Pipeline(
        SquareSource(),
        {"first": first, "second": second},
        lambda: backend_of(SquareEngine()),
        Look(),
        SHARP,
    )
    with pytest.raises((OutputError, UsageError), match=said):
        pipeline.start()
    assert first.closed == len(first.opened)


# ------------------------------------------------------------ all show the same


def test_each_gets_its_own_format_and_all_show_a_pause() -> None:
    planar, plain = Planar(), RecordingSink()
    with feeding(planar=planar, plain=plain) as rig:
        more(rig, planar)
        more(rig, plain)
        rig.pipeline.rest(Rest.PAUSED)
        rig.wait(lambda: shows(plain, CARDS[State.PAUSED]))
        paused = time.monotonic()
        more(rig, planar)
        shown = [cv2.cvtColor(p, cv2.COLOR_YUV2BGR_I420) for p in planar.since(paused)]
        expected = card(WIDTH, HEIGHT, CARDS[State.PAUSED]).astype(int)
        assert all(np.abs(p.astype(int) - expected).mean() < 3 for p in shown)
    assert {p.shape for p in planar.since(0)} == {(HEIGHT * 3 // 2, WIDTH)}
    assert {p.shape for p in plain.since(0)} == {(HEIGHT, WIDTH, 3)}


def test_no_output_shows_a_raw_picture_once_blur_is_asked_for() -> None:
    """One of them is slow: the picture that waits for it is older than the order."""
    slow, quick = Blocking(), RecordingSink()
    with feeding(Look(mode="none"), slow=slow, quick=quick) as rig:
        rig.wait(lambda: bool(leaks(slow.since(0)[-5:])))
        slow.stuck.set()
        more(rig, quick)  # a raw picture waits for the slow one
        rig.pipeline.look = Look("blur", 60)
        begun = [len(sink.published) for sink in (slow, quick)]
        slow.stuck.clear()
        more(rig, slow)
        more(rig, quick)
        # The first of each was within the sink when the order came.
        for sink, count in zip((slow, quick), begun, strict=True):
            assert not leaks([p for _, p in sink.published[count + 1 :]])


# ------------------------------------------------------------ a list that changes


def test_a_change_closes_and_opens_only_what_changed() -> None:
    first, second, third = (RecordingSink() for _ in range(3))
    opened: dict[str, Any] = {"second": second, "third": third}
    with feeding(first=first) as rig:
        more(rig, first)
        rig.pipeline.replace_sinks({"first": first} | opened)
        more(rig, second)
        more(rig, first)
        rig.pipeline.replace_sinks(opened)
        rig.wait(lambda: first.closed == 1)
        assert shows(first, ENDED_CARD), "no picture of the room is left on it"
        count = len(first.published)
        more(rig, second)
        more(rig, third)
        assert len(first.published) == count
        rig.pipeline.replace_sinks({"third": third})
        rig.wait(lambda: second.closed == 1)
        assert shows(second, ENDED_CARD)
        more(rig, third)
        assert [sink.opened for sink in (first, second, third)] == [[(WIDTH, HEIGHT)]] * 3
        assert third.closed == 0
        assert problem(rig) == ""


def test_an_output_that_does_not_respond_and_is_left_out_is_no_problem_any_more() -> None:
    stuck, well, other = Blocking(), RecordingSink(), RecordingSink()
    with feeding(stuck=stuck, well=well) as rig:
        more(rig, stuck)
        stuck.stuck.set()
        rig.wait(lambda: "leave it out" in problem(rig))
        rig.pipeline.replace_sinks({"well": well, "other": other})
        rig.wait(lambda: not problem(rig))
        stuck.stuck.clear()
        more(rig, other)
        rig.wait(lambda: stuck.closed == 1)
        assert problem(rig) == ""


@pytest.mark.parametrize("beside", [False, True], ids=["sole", "one of two"])
def test_a_recording_that_ends_for_others_is_completed_and_a_failure_is_said(beside: bool) -> None:
    tape, stays, other = Tape(error=FULL), RecordingSink(), RecordingSink()
    tape.slow.set()
    staying: dict[str, Any] = {"stays": stays} if beside else {}
    with feeding(tape=tape, **staying) as rig:
        more(rig, tape)
        rig.pipeline.replace_sinks({"other": other} | staying)
        more(rig, other)
        assert tape.closed == 0, "it takes its time, and the others do not wait"
        tape.slow.clear()
        rig.wait(lambda: FULL in problem(rig))
        assert problem(rig) == (f"tape: {FULL}" if beside else FULL)
        assert rig.pipeline.fatal is None
        rig.pipeline.replace_sinks({"other": other})
        rig.wait(lambda: not problem(rig) or not beside)
    assert rig.pipeline.fatal is None


def test_the_end_waits_for_recordings_also_for_one_that_has_just_been_left_out() -> None:
    left, kept, well = Tape(1.0), Tape(0.5), RecordingSink()
    with feeding(left=left, kept=kept, well=well) as rig:
        more(rig, left)
        rig.pipeline.replace_sinks({"kept": kept, "well": well})
        rig.wait(lambda: len(rig.pipeline.outputs) == 2)
    assert left.closed == kept.closed == well.closed == 1
    assert shows(kept, ENDED_CARD)


def test_a_recording_that_breaks_off_ends_alone_and_is_an_error_at_the_end() -> None:
    tape, second, well = Tape(), Tape(error="and the folder is gone"), RecordingSink()
    with feeding(tape=tape, second=second, well=well) as rig:
        more(rig, tape)
        tape.refuse.set()
        rig.wait(lambda: problem(rig) == f"tape: {FULL}")
        more(rig, well, 20)
        assert error(rig) is None
        assert len(tape.opened) == 1
    kept = "what had been written is in it"
    assert str(error(rig)) == f"{FULL}; {kept}; and the folder is gone; {kept}"
