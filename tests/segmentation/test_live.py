"""A live stream's alpha: what holds while nothing moves, what is carried, what never may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from support.media.clips import composited, with_matte
from support.scenes import portrait

from bgblur.frame import Alpha, Image
from bgblur.segmentation.engine_torch import TorchEngine
from bgblur.segmentation.governor import Governor
from bgblur.segmentation.live import HOLDS_FRAMES, LiveMatting
from bgblur.segmentation.matting import Matting
from bgblur.segmentation.options import MaskOptions
from bgblur.stats import Stats

SHARP = MaskOptions(refine_edges=False, smoothing=0.0)


class Bright:
    """Sees what is bright, and counts how often it looks."""

    device, precision, input_height = "cpu", "fp32", 96

    def __init__(self) -> None:
        self.calls = 0
        self.fails = False
        self.certainty = 1.0

    def upload(self, image: Image) -> Any:
        return image

    def infer(self, pixels: Image) -> Alpha:
        self.calls += 1
        if self.fails:
            raise RuntimeError("no memory")
        width = 96 * pixels.shape[1] // pixels.shape[0]
        bright = (pixels.min(axis=2) > 200).astype(np.float32)
        return self.certainty * cv2.resize(bright, (width, 96), interpolation=cv2.INTER_AREA)


class Remembering:
    """Infers a picture once, for those who compare two ways of using it."""

    def __init__(self, engine: TorchEngine) -> None:
        self._engine, self._known = engine, dict[bytes, Alpha]()
        self.device, self.precision = engine.device, engine.precision
        self.input_height = engine.input_height

    def upload(self, image: Image) -> Any:
        return image

    def infer(self, pixels: Image) -> Alpha:
        key = pixels.tobytes()
        if key not in self._known:
            self._known[key] = self._engine.infer(pixels)
        return self._known[key].copy()


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


def live(engine: Any, clock: Any = None, skip: bool = True) -> LiveMatting:
    return LiveMatting(engine, Stats(), None, skip, clock or Clock())


def every_second(engine: Any) -> LiveMatting:
    """One whose governor has given up on every frame: a second is too little for one."""
    governor = Governor([engine.input_height], engine.input_height, lambda: 30.0, 0.9)
    for at in range(12):
        governor.note(at * 0.4, at * 0.4 + 0.4, "inferred")
    assert governor.every == 2
    return LiveMatting(engine, Stats(), governor, False, Clock())


def iou(one: Alpha, other: Alpha) -> float:
    here, there = one > 0.5, other > 0.5
    return float((here & there).sum() / max(1, (here | there).sum()))


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


# ------------------------------------------------------------ held


@pytest.mark.parametrize("sigma", [0.0, 3.0, 8.0])
def test_a_still_scene_is_inferred_every_eleventh_frame(sigma: float) -> None:
    engine, still = Bright(), portrait(1280, 720)
    matting = live(engine)
    alphas = [matting(noisy(still, sigma, i), SHARP)[1] for i in range(2 * HOLDS_FRAMES + 3)]
    assert engine.calls == 3
    assert matting.effort.held == 2 * HOLDS_FRAMES
    np.testing.assert_array_equal(alphas[1], alphas[HOLDS_FRAMES])


@pytest.mark.parametrize("light", [0.98, 1.02])
def test_flickering_light_is_no_motion(light: float) -> None:
    engine, still = Bright(), portrait(640, 360)
    matting = live(engine)
    for i in range(10):
        lit = still * (light if i % 2 else 1.0)
        matting(lit.round().clip(0, 255).astype(np.uint8), SHARP)
    assert engine.calls == 1


@pytest.mark.parametrize("sigma", [0.0, 3.0, 8.0])
@pytest.mark.parametrize("contrast", [25, -40])
def test_a_hand_that_moves_by_a_hundredth_is_seen(sigma: float, contrast: int) -> None:
    """A finger 8 rows thick goes 7 rows on: a hundredth of the height."""
    room = np.full((720, 1280, 3), 120, np.uint8)
    engine = Bright()
    matting = live(engine)
    for i in range(8):
        image = room.copy()
        image[300 + 7 * i : 308 + 7 * i, 600:660] = 120 + contrast
        matting(noisy(image, sigma, i), SHARP)
    assert engine.calls == 8


def test_what_creeps_is_seen_in_the_end() -> None:
    """Half a row a frame is less than the threshold; its sum is not."""
    room = np.full((720, 1280, 3), 90, np.uint8)
    engine = Bright()
    matting = live(engine)
    for i in range(10):
        image = room.copy()
        image[300 : 400 + i, 600:700] = 110
        matting(image, SHARP)
    assert 2 <= engine.calls <= 6


def test_a_colour_of_the_same_brightness_is_seen() -> None:
    engine = Bright()
    matting = live(engine)
    for bgr in ((100, 100, 100), (100, 75, 149)):
        image = np.full((360, 640, 3), 100, np.uint8)
        image[100:120, 100:120] = bgr
        matting(image, SHARP)
    assert engine.calls == 2


def test_nothing_holds_for_longer_than_a_second() -> None:
    engine, clock = Bright(), Clock()
    matting, still = live(engine, clock), portrait(320, 180)
    for _ in range(7):
        matting(still, SHARP)
        clock.now += 0.4
    assert engine.calls == 3


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize(("gap", "size"), [(0.7, (320, 180)), (0.0, (640, 360)), (0.0, (320, 180))])
def test_who_was_there_before_a_gap_does_not_count(
    skip: bool, gap: float, size: tuple[int, int]
) -> None:
    """A chair that the network is unsure of is shown only if somebody sat there just before."""

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


def test_nothing_holds_over_a_failure_a_reset_or_another_size() -> None:
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


def test_skipping_can_be_turned_off() -> None:
    engine = Bright()
    matting = live(engine, skip=False)
    for _ in range(5):
        matting(portrait(320, 180), SHARP)
    assert (engine.calls, matting.effort.held) == (5, 0)


@pytest.mark.slow
def test_skipping_on_webcam_clips(data: Path, record_property: Any) -> None:
    """The shipped model on signing hands: no frame of any clip differs from every-frame by 0.01.

    The clips never stand still for long: each is paused for a moment, and goes on."""
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


# ------------------------------------------------------------ carried


def square(x: int, y: int) -> Image:
    texture = np.random.default_rng(1).integers(0, 120, (45, 80), dtype=np.uint8)
    room = cv2.resize(texture, (640, 360), interpolation=cv2.INTER_CUBIC)
    image = np.repeat(room[..., None], 3, axis=2)
    image[y : y + 160, x : x + 160] = 255
    return image


def test_every_second_frame_is_carried_and_never_two_in_a_row() -> None:
    engine = Bright()
    matting = every_second(engine)
    seen = []
    for i in range(12):
        before = engine.calls
        matting(square(200 + 6 * i, 100 + 2 * i), SHARP)
        seen.append(engine.calls > before)
    assert seen == [True, False] * 6
    assert (matting.effort.inferred, matting.effort.carried) == (6, 6)


def test_a_carried_alpha_goes_with_the_picture() -> None:
    matting = every_second(Bright())
    matting(square(200, 100), SHARP)
    moved = matting(square(214, 106), SHARP)[1]
    truth = np.zeros((360, 640), np.float32)
    truth[106:266, 214:374] = 1
    assert matting.effort.carried == 1
    assert iou(moved, truth) > 0.9  # 0.78 where they were before
    assert (moved[truth == 0] > 0.5).mean() < 0.004


def test_what_the_flow_cannot_explain_is_not_shown() -> None:
    """The person is gone a frame later: where they were is room now."""
    matting = every_second(Bright())
    matting(square(200, 100), SHARP)
    room = square(700, 100)
    gone = matting(room, SHARP)[1]
    assert matting.effort.carried == 0  # the flow knows that it does not: inferred instead
    assert gone.max() == 0


def test_a_part_that_the_flow_cannot_explain_is_not_shown() -> None:
    """A tenth of the person is gone a frame later."""
    matting = every_second(Bright())
    matting(square(200, 100), SHARP)
    less = square(700, 100)
    less[100:260, 216:360] = 255  # the left tenth shows the room
    alpha = matting(less, SHARP)[1]
    assert matting.effort.carried == 1
    assert (alpha[100:260, 200:212] > 0.5).mean() < 0.1


def test_nothing_is_carried_over_a_failure() -> None:
    engine = Bright()
    matting = every_second(engine)
    matting(square(200, 100), SHARP)
    matting(square(206, 100), SHARP)
    engine.fails = True
    for _ in range(3):
        with pytest.raises(RuntimeError, match="no memory"):
            matting(square(212, 100), SHARP)


@pytest.mark.slow
def test_carried_alphas_on_talking_heads(data: Path, record_property: Any) -> None:
    """Against what is inferred of the same frames: as good, and no more of the room."""
    engine = TorchEngine(device="cpu", input_height=96)
    alike, more_room = [], []
    for clip in composited(data):
        remembers = Remembering(engine)
        carries, every = every_second(remembers), Matting(remembers, Stats())
        for image, truth in list(with_matte(clip))[20:28]:
            before = carries.effort.carried
            wanted, given = every(image, SHARP)[1].copy(), carries(image, SHARP)[1]
            if carries.effort.carried > before:
                alike.append(iou(wanted, given))
                room = truth < 0.05
                more_room.append(given[room].mean() - wanted[room].mean())
    record_property("iou", float(np.mean(alike)))
    assert len(alike) == 20
    assert np.mean(alike) > 0.985
    assert min(alike) > 0.94
    assert np.mean(more_room) < 0.001
    assert max(more_room) < 0.01
