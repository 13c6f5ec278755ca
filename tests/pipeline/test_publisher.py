"""What is shown of which frame at which age, without threads: the clock is set by hand."""

from __future__ import annotations

import numpy as np
import pytest
from support.hand_clock import Clock
from support.orders import BLUR, RAW
from support.rig import leaks
from support.showing import Showing, is_card

from bgblur.compositing.compositor import CpuCompositor
from bgblur.compositing.look import Look
from bgblur.frame import Image
from bgblur.pipeline.mailbox import Segmented
from bgblur.pipeline.state import Part, Rest, State
from bgblur.pipeline.words import CARDS, PROBLEM_CARD

JUST = 1e-3  # seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("bgblur.pipeline.publisher.time", clock)
    return clock


def state_of(showing: Showing) -> State:
    return showing.publisher.state


def nothing_is_kept(showing: Showing) -> bool:
    kept = showing.publisher
    return kept._last is None and kept._last_with is None and kept._shown is None


# ------------------------------------------------------------ ages


def test_an_alpha_is_shown_until_it_is_a_second_old(clock: Clock) -> None:
    showing = Showing(RAW)
    assert leaks(showing.show(showing.item(1, clock.now - 1 + JUST)))
    showing = Showing(RAW)
    late = showing.item(1, clock.now - 1)
    assert not leaks(showing.show(late, late.frame))
    assert showing.stats.frames == 0
    assert nothing_is_kept(showing)


@pytest.mark.parametrize(("fps", "seconds"), [(None, 1.0), (30.0, 1.0), (1.6, 1.25), (0.5, 2.0)])
def test_a_picture_is_repeated_for_a_second_or_two_frames(
    fps: float | None, seconds: float, clock: Clock
) -> None:
    showing = Showing(RAW)
    if fps is not None:
        showing.publisher.expect(fps)
    item = showing.item(1, clock.now)
    showing.show(item)
    clock.now += seconds - JUST
    assert leaks(showing.show(None, item.frame))
    assert showing.publisher.before() is not None
    assert showing.stats.obscured == 0
    clock.now += JUST
    assert showing.publisher.before() is None
    assert not leaks(showing.show(None, showing.frame(1, clock.now)))
    assert nothing_is_kept(showing)
    assert showing.stats.obscured == 1


@pytest.mark.parametrize(("fps", "seconds"), [(30.0, 1.0), (1.6, 1.25), (0.5, 2.0)])
def test_a_camera_without_frames_becomes_a_card(fps: float, seconds: float, clock: Clock) -> None:
    showing = Showing(BLUR)
    showing.publisher.expect(fps)
    frame = showing.frame(1, clock.now)
    clock.now += seconds
    assert not is_card(showing.show(None, frame), CARDS[State.NO_CAMERA])
    assert state_of(showing) is State.STARTING
    clock.now += JUST
    assert is_card(showing.show(None, frame), CARDS[State.NO_CAMERA])
    assert state_of(showing) is State.NO_CAMERA


# ------------------------------------------------------------ without an alpha


@pytest.mark.parametrize("part", Part)
def test_the_state_says_why_all_is_blurred(part: Part, clock: Clock) -> None:
    showing = Showing(BLUR)
    showing.problems.set(part, "broken")
    shown = showing.show(None, showing.frame(1, clock.now))
    assert shown
    assert not leaks(shown)
    broken = part in (Part.MASK, Part.MODEL, Part.PACE)
    assert state_of(showing) is (State.NO_MASK if broken else State.STARTING)


@pytest.mark.parametrize("look", [BLUR, RAW])
def test_the_last_picture_is_not_repeated_once_the_mask_has_failed(
    look: Look, clock: Clock
) -> None:
    showing = Showing(look)
    item = showing.item(1, clock.now)
    (last, *_) = showing.show(item)
    showing.problems.set(Part.MASK, "the model gave values that are not numbers")
    shown = showing.show(None, item.frame)
    assert shown
    assert not leaks(shown)
    assert not any(np.array_equal(picture, last) for picture in shown)
    assert nothing_is_kept(showing)
    assert showing.publisher.before() is None


@pytest.mark.parametrize("lost", [False, True])
def test_without_any_frame_a_card_is_shown(lost: bool, clock: Clock) -> None:
    showing = Showing(BLUR)
    if lost:
        showing.problems.set(Part.CAMERA, "unplugged")
    state = State.NO_CAMERA if lost else State.STARTING
    assert is_card(showing.show(None), CARDS[state])
    assert state_of(showing) is state


def test_a_frame_without_alpha_is_blurred_unless_raw_is_chosen(clock: Clock) -> None:
    showing = Showing(BLUR)
    frame = showing.frame(1, clock.now)
    item = Segmented(frame, frame.image, None, showing.compositor)
    assert not leaks(showing.show(item, frame))
    assert showing.stats.frames == 0
    showing.in_force.look = RAW
    frame = showing.frame(1, clock.now)
    assert leaks(showing.show(Segmented(frame, frame.image, None, showing.compositor), frame))
    assert showing.stats.frames == 1
    assert state_of(showing) is State.OFF


# ------------------------------------------------------------ a mask that is always late


def test_three_late_masks_are_reported_until_one_is_in_time(clock: Clock) -> None:
    showing = Showing(BLUR)

    def show(age: float) -> None:
        item = showing.item(1, clock.now - age)
        showing.show(item, item.frame)

    for _ in range(3):
        assert Part.PACE not in showing.problems
        show(1)
    assert Part.PACE in showing.problems
    show(0)
    for late in (2, 2):
        for _ in range(late):
            show(1)
        assert Part.PACE not in showing.problems, "a machine may be busy for a moment"
        show(0)
    for _ in range(3):
        show(1)
    assert Part.PACE in showing.problems
    show(1)
    assert Part.PACE in showing.problems
    show(0)
    assert Part.PACE not in showing.problems
    assert showing.stats.frames == 4


def test_what_is_late_in_a_rest_counts_for_nothing(clock: Clock) -> None:
    showing = Showing(BLUR)
    showing.in_force.rest = Rest.PAUSED
    for _ in range(4):
        assert is_card(showing.show(showing.item(1, clock.now - 2)), CARDS[State.PAUSED])
    assert Part.PACE not in showing.problems
    assert showing.stats.frames == 0
    showing.show(showing.item(1, clock.now))
    assert showing.stats.frames == 0


def test_nothing_of_the_room_is_kept_in_a_rest(clock: Clock) -> None:
    showing = Showing(RAW)
    showing.show(showing.item(1, clock.now))
    assert state_of(showing) is State.OFF
    showing.in_force.rest = Rest.IDLE
    showing.show(None)
    assert state_of(showing) is State.IDLE
    assert nothing_is_kept(showing)


# ------------------------------------------------------------ what fails


class Broken(CpuCompositor):
    def compose(self, *_: object, **__: object) -> Image:
        raise MemoryError("no memory")


def test_a_compositor_that_fails_is_a_card_and_a_problem(clock: Clock) -> None:
    showing = Showing(RAW)
    item = showing.item(1, clock.now)
    showing.show(item)
    broken = Segmented(item.frame, item.pixels, item.alpha, Broken())
    assert is_card(showing.show(broken, item.frame), PROBLEM_CARD)
    assert "no memory" in showing.problems.now()[Part.PICTURE]
    assert showing.stats.frames == 1
    assert nothing_is_kept(showing)
    assert not leaks(showing.show(None, item.frame))
    assert Part.PICTURE in showing.problems, "a blurred frame says nothing of the compositor"
    showing.show(showing.item(2, clock.now))
    assert Part.PICTURE not in showing.problems
    assert showing.stats.frames == 2


def test_a_picture_that_may_no_longer_be_shown_is_not_kept(clock: Clock) -> None:
    showing = Showing(RAW)

    def hide() -> None:
        showing.in_force.look = BLUR

    showing.compositor.order = hide
    assert showing.show(showing.item(1, clock.now)) == []
    assert nothing_is_kept(showing)
    assert showing.stats.frames == 0


def test_an_output_that_fails_or_waits_is_not_fed(clock: Clock) -> None:
    """What it shows then is its own affair: no picture of the room is kept for it."""
    showing = Showing(BLUR)
    showing.show(showing.item(1, clock.now))
    assert not nothing_is_kept(showing)
    showing.sink.refuse.set()
    assert showing.show(showing.item(2, clock.now)) == []
    assert Part.OUTPUT in showing.problems
    assert nothing_is_kept(showing)
    showing.sink.refuse.clear()
    assert showing.show(showing.item(3, clock.now)) == [], "it is opened again later"
    assert showing.stats.frames == 1


def test_nothing_is_kept_for_an_output_that_is_being_opened(clock: Clock) -> None:
    showing = Showing(BLUR)
    showing.show(showing.item(1, clock.now))
    showing.outputs.ready = lambda: False  # type: ignore[method-assign]
    assert showing.show(showing.item(2, clock.now)) == []
    assert nothing_is_kept(showing)
    assert showing.publisher.before() is None
