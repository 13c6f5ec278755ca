"""Several outputs at the start: what hangs, fails or must not be opened holds up no other."""

from __future__ import annotations

import threading
import time
from typing import Any

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
from support.several_outputs import (
    feeding,
    hurried,
    more,
    problem,
    refused,
)

from bgblur.compositing.look import Look
from bgblur.errors import OutputError, UsageError
from bgblur.pipeline import output_thread
from bgblur.pipeline.pipeline import Pipeline
from bgblur.pipeline.sink_keeper import OpenSink


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    hurried(monkeypatch)


def test_at_the_start_one_of_them_is_enough_and_the_other_comes_later() -> None:
    missing, well = RecordingSink(), RecordingSink()
    missing.refuse.set()
    with feeding(missing=missing, well=well) as rig:
        rig.wait(lambda: problem(rig) == "missing: the output is gone")
        more(rig, well)
        missing.refuse.clear()
        more(rig, missing)
        assert missing.opened == [(WIDTH, HEIGHT)]
        rig.wait(lambda: problem(rig) == "")


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
        rig.wait(lambda: problem(rig) == "late: talk.mp4 exists already")


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


def test_when_all_fail_each_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_thread, "ANY_OPENS_WITHIN", 0.5)
    held = threading.Event()

    def missing(*_: object) -> RecordingSink:
        raise OutputError("PipeWire does not run here: start it")

    def breaks(*_: object) -> RecordingSink:
        raise ValueError("a driver's own words")

    def hangs(*_: object) -> RecordingSink:
        held.wait(30)
        return RecordingSink()

    outputs: dict[str, Any] = {"pipewire": missing, "/dev/video9": breaks, "web": hangs}
    with pytest.raises(OutputError) as caught, feeding(**outputs):
        pass
    held.set()
    assert str(caught.value) == (
        "PipeWire does not run here: start it; "
        "/dev/video9: a driver's own words; "
        "web does not respond: choose another one"
    )


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
