"""Alphas that live matting holds while nothing moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from support.live_matting import SHARP, Bright, Clock, Remembering, iou, live
from support.scenes import portrait

from bgblur.frame import Alpha, Image
from bgblur.segmentation.engine_torch import TorchEngine
from bgblur.segmentation.live import HOLDS_FRAMES
from bgblur.segmentation.matting import Matting
from bgblur.segmentation.options import MaskOptions
from bgblur.stats import Stats


def noisy(image: Image, sigma: float, seed: int) -> Image:
    noise = np.random.default_rng(seed).normal(0, sigma, image.shape)
    return (image + noise).round().clip(0, 255).astype(np.uint8)


def webcam(data: Path) -> list[Path]:
    clips = sorted((data / "video" / "webcam").glob("*.mkv"))
    assert len(clips) == 10
    return clips


def frames(clip: Path) -> Iterator[Image]:
    with av.open(str(clip)) as film:
        for picture in film.decode(video=0):
            yield picture.to_ndarray(format="bgr24").astype(np.uint8, copy=False)


@pytest.mark.parametrize("sigma", [0.0, 3.0, 8.0])
def test_a_still_scene_is_inferred_every_eleventh_frame(sigma: float) -> None:
    engine, still = Bright(), portrait(1280, 720)
    matting = live(engine)
    alphas = [matting(noisy(still, sigma, i), SHARP)[1] for i in range(2 * HOLDS_FRAMES + 3)]
    assert engine.calls == 3
    assert matting.effort.held == 2 * HOLDS_FRAMES
    np.testing.assert_array_equal(alphas[1], alphas[HOLDS_FRAMES])


@pytest.mark.parametrize("light", [0.98, 1.02])
def test_flickering_light_is_not_motion(light: float) -> None:
    engine, still = Bright(), portrait(640, 360)
    matting = live(engine)
    for i in range(10):
        lit = still * (light if i % 2 else 1.0)
        matting(lit.round().clip(0, 255).astype(np.uint8), SHARP)
    assert engine.calls == 1


@pytest.mark.parametrize("sigma", [0.0, 3.0, 8.0])
@pytest.mark.parametrize("contrast", [25, -40])
def test_a_hand_that_moves_by_a_hundredth_is_detected(sigma: float, contrast: int) -> None:
    """A finger 8 rows thick moves by 7 rows: a hundredth of the height."""
    room = np.full((720, 1280, 3), 120, np.uint8)
    engine = Bright()
    matting = live(engine)
    for i in range(8):
        image = room.copy()
        image[300 + 7 * i : 308 + 7 * i, 600:660] = 120 + contrast
        matting(noisy(image, sigma, i), SHARP)
    assert engine.calls == 8


def test_slow_motion_is_detected_in_time() -> None:
    """Half a row per frame is below the threshold; the sum is above it."""
    room = np.full((720, 1280, 3), 90, np.uint8)
    engine = Bright()
    matting = live(engine)
    for i in range(10):
        image = room.copy()
        image[300 : 400 + i, 600:700] = 110
        matting(image, SHARP)
    assert 2 <= engine.calls <= 6


def test_a_colour_of_the_same_brightness_is_detected() -> None:
    engine = Bright()
    matting = live(engine)
    for bgr in ((100, 100, 100), (100, 75, 149)):
        image = np.full((360, 640, 3), 100, np.uint8)
        image[100:120, 100:120] = bgr
        matting(image, SHARP)
    assert engine.calls == 2


def test_an_alpha_is_held_for_at_most_a_second() -> None:
    engine, clock = Bright(), Clock()
    matting, still = live(engine, clock), portrait(320, 180)
    for _ in range(7):
        matting(still, SHARP)
        clock.now += 0.4
    assert engine.calls == 3


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize(("gap", "size"), [(0.7, (320, 180)), (0.0, (640, 360)), (0.0, (320, 180))])
def test_the_past_before_a_gap_is_forgotten(skip: bool, gap: float, size: tuple[int, int]) -> None:
    """A region with an unsure alpha is shown only if it was certain just before."""

    def sitting(left: float) -> Image:
        image = np.full((size[1], size[0], 3), 90, np.uint8)
        image[image.shape[0] // 3 :, round(left * size[0]) : round((left + 0.3) * size[0])] = 230
        return image

    options = MaskOptions(refine_edges=False)
    engine, clock = Bright(), Clock()
    matting, somebody = live(engine, clock, skip), cv2.resize(sitting(0.3), (320, 180))
    for _ in range(30):
        assert matting(somebody.astype(np.uint8), options)[1].max() > 0.9
    engine.certainty = 0.8
    clock.now += gap
    shown = matting(sitting(0.35), options)[1].max()
    assert (shown > 0.5) == (not gap and size == (320, 180))


def test_no_alpha_is_held_across_a_failure_a_reset_or_a_new_size() -> None:
    engine, still = Bright(), portrait(320, 180)
    matting = live(engine)
    matting(still, SHARP)
    matting.reset()
    matting(still, SHARP)
    assert engine.calls == 2
    engine.fails = True
    with pytest.raises(RuntimeError, match="no memory"):
        matting(portrait(640, 360), SHARP)
    with pytest.raises(RuntimeError, match="no memory"):
        matting(still, SHARP)


def test_no_alpha_of_before_is_held_while_the_engine_fails() -> None:
    """The picture of the last good alpha comes again: it does not hide the failure."""
    engine, still = Bright(), portrait(320, 180)
    matting = live(engine)
    matting(still, SHARP)
    matting(still, SHARP)
    assert matting.effort.held == 1
    engine.fails = True
    with pytest.raises(RuntimeError, match="no memory"):
        matting(np.ascontiguousarray(still[::-1]), SHARP)
    for _ in range(3):
        with pytest.raises(RuntimeError, match="no memory"):
            matting(still, SHARP)
    engine.fails = False
    matting(still, SHARP)
    assert engine.calls == 6
    assert matting.effort.held == 1


GARBLES: dict[str, Callable[[Alpha], Any]] = {
    "a NaN": lambda alpha: np.where(alpha > 0.9, np.nan, alpha),
    "infinity": lambda alpha: np.where(alpha > 0.9, np.inf, alpha),
    "logits": lambda alpha: 9 * alpha,
    "below 0": lambda alpha: alpha - 0.5,
    "turned on its side": lambda alpha: np.ascontiguousarray(alpha.T),
    "the left half": lambda alpha: np.ascontiguousarray(alpha[:, : alpha.shape[1] // 2]),
    "the upper half": lambda alpha: np.ascontiguousarray(alpha[: len(alpha) // 2]),
    "one row": lambda alpha: alpha[0],
}


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("what", GARBLES)
def test_what_is_no_alpha_is_refused_and_never_held(what: str, skip: bool) -> None:
    class Garbling(Bright):
        garbles = False

        def infer(self, pixels: Image) -> Alpha:
            alpha = super().infer(pixels)
            return GARBLES[what](alpha) if self.garbles else alpha

    engine, still = Garbling(), portrait(320, 180)
    matting = live(engine, skip=skip)
    matting(still, SHARP)
    engine.garbles = True
    for picture in (np.ascontiguousarray(still[::-1]), still, still):
        with pytest.raises(RuntimeError, match="the model gave"):
            matting(picture, SHARP)
    engine.garbles = False
    assert np.isfinite(matting(still, SHARP)[1]).all()


def test_skipping_can_be_turned_off() -> None:
    engine = Bright()
    matting = live(engine, skip=False)
    for _ in range(5):
        matting(portrait(320, 180), SHARP)
    assert (engine.calls, matting.effort.held) == (5, 0)


@pytest.mark.slow
def test_skipping_on_webcam_clips(data: Path, record_property: Any) -> None:
    """The shipped model on signing hands: the IoU with inference of every frame is above 0.99.

    The clips are never still for long, so each is paused for some frames."""
    engine = TorchEngine(device="cpu", input_height=96)
    options, worst, held, total = MaskOptions(), 1.0, 0, 0
    for clip in webcam(data):
        pictures = list(frames(clip))[12:20]
        pictures[4:4] = [pictures[4]] * 3
        remembers = Remembering(engine)
        every, skips = Matting(remembers, Stats()), live(remembers)
        for image in pictures:
            wanted, given = every(image, options)[1].copy(), skips(image, options)[1]
            worst = min(worst, iou(wanted, given))
        held, total = held + skips.effort.held, total + len(pictures)
    record_property("worst_iou", worst)
    record_property("held", held / total)
    assert held >= 30  # otherwise nothing was tested
    assert worst > 0.99
