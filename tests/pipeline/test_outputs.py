"""Several outputs at once: all show the same, and none disturbs another."""

from __future__ import annotations

import time
from typing import Any

import cv2
import numpy as np
import pytest
from support.pipeline_parts import (
    HEIGHT,
    WIDTH,
    RecordingSink,
)
from support.rig import leaks
from support.several_outputs import (
    FULL,
    Blocking,
    Planar,
    Tape,
    error,
    feeding,
    hurried,
    more,
    problem,
    refused,
    shows,
)

from bgblur.compositing.card import card
from bgblur.compositing.look import Look
from bgblur.errors import UsageError
from bgblur.pipeline import output_thread
from bgblur.pipeline.leaving import may_be_one
from bgblur.pipeline.outputs import OutputState
from bgblur.pipeline.sink_keeper import SinkKeeper
from bgblur.pipeline.state import Part, Problems, Rest, State
from bgblur.pipeline.words import CARDS, ENDED_CARD


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    hurried(monkeypatch)


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
        rig.wait(lambda: problem(rig) == "")


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
        rig.wait(lambda: problem(rig) == "")


def test_a_new_output_waits_only_for_a_former_one_that_may_have_its_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(output_thread, "_RELEASED_WITHIN", 60.0)
    stuck, well, first, second = Blocking(), RecordingSink(), RecordingSink(), RecordingSink()
    with feeding(auto=stuck, web=well) as rig:
        more(rig, stuck)
        stuck.stuck.set()
        more(rig, well)
        rig.pipeline.replace_sinks({"web": well, "talk.mp4": first, "pipewire": second})
        more(rig, first)
        assert stuck.closed == 0
        assert not second.opened, "the former one may have its device"
        stuck.stuck.clear()
        more(rig, second)
        assert stuck.closed == 1


@pytest.mark.parametrize(
    ("first", "second", "may"),
    [
        ("/dev/video10", "/dev/video10", True),
        ("/dev/video10", "/dev/../dev/video10", True),
        ("auto", "/dev/video10", True),
        ("auto", "OBS Virtual Camera", True),
        ("auto", "pipewire", True),
        ("web", "web", True),
        ("auto", "web", False),
        ("auto", "talk.mp4", False),
        ("pipewire", "/dev/video10", False),
        ("/dev/video10", "/dev/video11", False),
        ("web", "pipewire", False),
    ],
)
def test_which_names_may_mean_one_device(first: str, second: str, may: bool) -> None:
    assert may_be_one(first, second) is may_be_one(second, first) is may


def test_a_recording_that_is_left_out_and_takes_long_says_so_until_it_is_done() -> None:
    """It said "leave it out" before, for ever."""
    tape, well = Tape(), RecordingSink()
    with feeding(tape=tape, well=well) as rig:
        more(rig, tape)
        tape.slow.set()
        rig.pipeline.replace_sinks({"well": well})
        try:
            rig.wait(lambda: problem(rig).startswith("tape is left out, but not completed yet"))
            more(rig, well)
        finally:
            tape.slow.clear()  # the end waits for it
        rig.wait(lambda: not problem(rig))
        assert tape.closed == 1


def test_an_output_that_was_left_out_neither_has_problems_nor_takes_those_of_the_next_one() -> None:
    problems = Problems()
    former, again = (SinkKeeper(refused, problems, device="late") for _ in range(2))
    former.say("it does not respond")
    former.left_out()
    assert Part.OUTPUT not in problems
    former.failed(UsageError("talk.mp4 exists already"))
    assert Part.OUTPUT not in problems
    again.say("busy")
    former.works()
    assert problems.now() == {Part.OUTPUT: "busy"}


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
        rig.wait(lambda: problem(rig) == (f"tape: {FULL}" if beside else FULL))
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
