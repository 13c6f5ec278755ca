"""The pipeline keeps its promises while each of its parts is broken in turn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from support.pipeline_parts import (
    HEIGHT,
    PERSON,
    SHARP,
    WIDTH,
    SquareEngine,
    backend_of,
    place,
    room,
    stripes_visible,
)
from support.rig import LEAK, Rig, assert_fed, assert_within, leaks, running

from bgblur.compositing.card import card
from bgblur.compositing.compositor import CpuCompositor
from bgblur.compositing.look import Look
from bgblur.frame import Alpha, Image
from bgblur.pipeline.backend import Backend
from bgblur.pipeline.pipeline import Pipeline
from bgblur.pipeline.publisher import NO_SIGNAL_AFTER, STALE_AFTER, TOO_LATE
from bgblur.pipeline.state import Part, State
from bgblur.pipeline.words import CARDS


def delayed(seconds: float) -> Callable[[Alpha], Alpha]:
    def behave(alpha: Alpha) -> Alpha:
        time.sleep(seconds)
        return alpha

    return behave


def test_the_detector_sees_raw_and_lightly_blurred_rooms_but_no_blurred_one() -> None:
    nobody = np.zeros((HEIGHT, WIDTH), np.float32)
    compositor = CpuCompositor()
    assert stripes_visible(room()) == pytest.approx(1)
    assert stripes_visible(cv2.GaussianBlur(room(), (0, 0), 0.4)) > LEAK
    for strength in (1, 20, 60, 100):
        blurred = compositor.compose(room(), nobody, Look(strength=strength))
        assert stripes_visible(blurred) < LEAK / 2
    assert not leaks([compositor.obscure(room(), Look(strength=1))])


def test_every_frame_is_composited_with_its_own_alpha() -> None:
    """The square jumps each frame: an alpha of another frame would blur some of it."""
    slow = SquareEngine(delayed(0.03))
    with running(Rig(slow)) as rig:
        rig.wait(lambda: rig.pipeline.stats.frames > 40)
        rig.wait_state("blurring")
        shown = rig.sink.since(0)
    own = 0
    for published in shown:
        white = (published.min(axis=2) > 250).astype(np.uint8)
        if white.sum() < 100:
            continue  # from before the first alpha
        ys, xs = np.nonzero(white)
        x, y = int(xs.min()), int(ys.min())
        # The outline is that of 160 rows, enlarged; a frame further the square is 5 and 7 away.
        assert white[y + 1 : y + PERSON - 3, x + 1 : x + PERSON - 3].all()
        assert stripes_visible(published) < LEAK
        own += 1
    assert own > 40


def test_frames_are_shown_newest_first_and_never_again() -> None:
    slow = SquareEngine(delayed(0.05))
    with running(Rig(slow)) as rig:
        rig.wait(lambda: rig.pipeline.stats.frames > 40)
        assert rig.source.index > rig.pipeline.stats.frames  # the source was faster
        latency = rig.pipeline.stats.snapshot()["latency_ms"]
        assert isinstance(latency, dict)
        assert latency["p50"] < 400  # in a queue they would be a second old by now
        assert rig.pipeline.stats.dropped > 0


def test_before_the_first_alpha_the_whole_frame_is_blurred() -> None:
    ready = threading.Event()
    rig = Rig()

    def load() -> Backend:
        ready.wait()
        return backend_of(rig.engine)

    rig.pipeline = Pipeline(rig.source, {"": rig.sink}, load, Look(), SHARP)
    began = time.monotonic()
    with running(rig):
        rig.wait(lambda: len(rig.sink.published) > 8)
        rig.wait_state("starting")
        assert_fed(rig, began + 0.2)
        assert not leaks(rig.sink.since(0))
        assert rig.pipeline.stats.frames == 0
        ready.set()
        rig.wait_state("blurring")
    assert not leaks(rig.sink.since(0))


def raise_error(_: Alpha) -> Alpha:
    raise RuntimeError("CUDA error: out of memory\nand a second line")


def give_nan(alpha: Alpha) -> Alpha:
    alpha[3, 3] = np.nan
    return alpha


def give_infinity(alpha: Alpha) -> Alpha:
    alpha[:] = np.inf
    return alpha


def give_wrong_shape(alpha: Alpha) -> Alpha:
    return alpha[None]


def give_nothing(alpha: Alpha) -> Alpha:
    return alpha[:0]


@pytest.mark.parametrize(
    "fault", [raise_error, give_nan, give_infinity, give_wrong_shape, give_nothing]
)
def test_a_failing_engine_never_shows_the_room_and_recovers(
    fault: Callable[[Alpha], Alpha],
) -> None:
    with running(Rig()) as rig:
        rig.wait_state("blurring")
        good = rig.engine.behave
        rig.engine.behave = fault
        broken = time.monotonic()
        rig.wait_state("no mask")
        problem = rig.pipeline.problems.now()[Part.MASK]
        assert "\n" not in problem
        time.sleep(0.5)
        assert_fed(rig, broken)
        rig.engine.behave = good
        rig.wait_state("blurring")
        assert Part.MASK not in rig.pipeline.problems
        assert not leaks(rig.sink.since(0))


def test_a_hanging_engine_is_covered_and_does_not_delay_the_stop() -> None:
    let_go = threading.Event()
    with running(Rig()) as rig:
        rig.wait_state("blurring")
        hung = time.monotonic()
        rig.engine.behave = lambda alpha: (let_go.wait(20), alpha)[1]
        rig.wait(lambda: rig.pipeline.state != "blurring")
        assert_within(rig, STALE_AFTER + 1, hung)
        assert_fed(rig, hung)
        time.sleep(0.3)
        assert not leaks(rig.sink.since(0))
        ended = time.monotonic()
    assert_within(rig, 1.0, ended)
    let_go.set()


def test_an_alpha_that_comes_too_late_is_not_shown() -> None:
    said: list[bool] = []

    def slowly(alpha: Alpha) -> Alpha:
        said.append(Part.PACE in rig.pipeline.problems)
        time.sleep(STALE_AFTER + 0.2)
        return alpha

    late = SquareEngine(slowly)
    rig = Rig(late)
    with running(rig):
        rig.wait(lambda: rig.pipeline.problems.now().get(Part.PACE) == TOO_LATE)
        assert rig.pipeline.stats.frames == 0
        assert said[:3] == [False] * 3, "a machine may be busy for a moment"
        rig.wait_state("no mask")
        assert not leaks(rig.sink.since(0))
        late.behave = lambda alpha: alpha
        rig.wait_state("blurring")
        rig.wait(lambda: Part.PACE not in rig.pipeline.problems)


def test_a_lost_camera_becomes_a_card_and_comes_back_by_itself() -> None:
    with running(Rig()) as rig:
        rig.wait_state("blurring")
        lost = time.monotonic()
        rig.source.fail.set()
        rig.wait_state("no camera")
        assert "unplugged" in rig.pipeline.problems.now()[Part.CAMERA]
        no_camera = card(WIDTH, HEIGHT, CARDS[State.NO_CAMERA])
        rig.wait(lambda: np.array_equal(rig.sink.since(0)[-1], no_camera))
        assert_fed(rig, lost)
        back = time.monotonic()
        rig.source.fail.clear()
        rig.wait_state("blurring")
        assert_within(rig, 2.5, back)
        assert len(rig.sink.opened) == 1  # the output went on
        assert Part.CAMERA not in rig.pipeline.problems
        assert not leaks(rig.sink.since(0))


def test_a_camera_that_goes_silent_becomes_a_card_too() -> None:
    with running(Rig()) as rig:
        rig.wait_state("blurring")
        rig.source.stall.set()
        silent = time.monotonic()
        rig.wait_state("no camera")
        assert_within(rig, NO_SIGNAL_AFTER + 0.5, silent)
        assert_fed(rig, silent)
        rig.source.stall.clear()
        rig.wait_state("blurring")


def test_a_slow_camera_is_shown_without_a_break_and_missed_when_it_is_silent() -> None:
    rig = Rig()
    rig.source.fps = 0.9
    with running(rig):
        rig.wait_state("blurring")
        obscured, began = rig.pipeline.stats.obscured, time.monotonic()
        until = rig.source.index + 3
        rig.wait(lambda: rig.source.index >= until)
        # It is a break where the machine itself stands still for the rest of two seconds.
        assert rig.pipeline.stats.obscured == obscured or rig.heart.lost(began)[0] > 0.4
        rig.source.stall.set()
        rig.wait_state("no camera")
        rig.source.stall.clear()  # or its thread would outlive the test


def test_a_mode_without_blur_hides_the_room_while_there_is_no_alpha() -> None:
    engine = SquareEngine(raise_error)
    with running(Rig(engine, look=Look(mode="color", color=(1, 2, 3)))) as rig:
        rig.wait_state("no mask")
        rig.wait(lambda: bool((rig.sink.since(0)[-1] == (1, 2, 3)).all()))
        assert not leaks(rig.sink.since(0))


def test_a_lost_output_is_opened_again() -> None:
    with running(Rig()) as rig:
        rig.wait_state("blurring")
        rig.sink.refuse.set()
        rig.wait(lambda: Part.OUTPUT in rig.pipeline.problems)
        rig.sink.refuse.clear()
        rig.wait(lambda: Part.OUTPUT not in rig.pipeline.problems)
        again = time.monotonic()
        rig.wait(lambda: len(rig.sink.since(again)) > 5)
        assert len(rig.sink.opened) == 2


def test_a_compositor_that_fails_shows_a_card() -> None:
    class Broken(CpuCompositor):
        def compose(self, *_: object, **__: object) -> Image:
            raise ValueError("no memory")

    engine = SquareEngine()
    good = backend_of(engine)
    broken = Backend(good.matting, Broken())
    with running(Rig(load=lambda: broken)) as rig:
        rig.wait(lambda: Part.PICTURE in rig.pipeline.problems)
        time.sleep(0.3)
        assert "no memory" in rig.pipeline.problems.now()[Part.PICTURE]
        assert not leaks(rig.sink.since(0))
        rig.pipeline.replace_backend(lambda: good)
        rig.wait(lambda: Part.PICTURE not in rig.pipeline.problems)


def test_the_person_moves_with_every_frame() -> None:
    """The tests above rely on it."""
    assert len({place(i) for i in range(50)}) == 50
