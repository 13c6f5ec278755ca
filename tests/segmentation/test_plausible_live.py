"""Alphas that cannot be true, in the matting of a live stream: scripted, and of real clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from support.plausibility import NO_ALPHA, RATE, person, room, seen

from bgblur.frame import Alpha, Image
from bgblur.segmentation.engine_torch import TorchEngine
from bgblur.segmentation.live import LiveMatting
from bgblur.segmentation.options import MaskOptions
from bgblur.segmentation.plausible import CALM, ImplausibleError
from bgblur.stats import Stats


class Scripted:
    """Gives the alpha that is set."""

    device, precision, input_height = "cpu", "fp32", 96

    def __init__(self) -> None:
        self.alpha = person(0.3)
        self.calls = 0

    def upload(self, image: Image) -> Any:
        return image

    def infer(self, pixels: Any) -> Alpha:
        self.calls += 1
        return self.alpha.copy()


def live(engine: Any, skip: bool) -> tuple[LiveMatting, Callable[[Image], bool]]:
    """A matting, and a function that says whether it refused a frame."""
    now = [100.0]
    matting = LiveMatting(engine, Stats(), None, skip, lambda: now[0])

    def refused(image: Image) -> bool:
        now[0] += 1 / RATE
        try:
            matting(image, MaskOptions())
        except ImplausibleError:
            return True
        return False

    return matting, refused


@pytest.mark.parametrize("skip", [True, False])
def test_live_matting_refuses_it_in_motion_and_at_rest(skip: bool) -> None:
    engine = Scripted()
    _, refused = live(engine, skip)
    image = seen(person(0.3), room())
    assert not any(refused(image) for _ in range(60))
    engine.alpha = np.ones_like(NO_ALPHA)
    shown = [refused(image) for _ in range(60)]
    first = shown.index(True)
    assert first <= (11 if skip else 0)  # until then the right alpha was held
    assert all(shown[first:])
    engine.alpha = person(0.3)
    assert not [refused(image) for _ in range(round(RATE * (CALM + 1)))][-1]


def test_every_frame_is_inferred_while_the_mask_is_implausible() -> None:
    engine = Scripted()
    _, refused = live(engine, True)
    engine.alpha = np.ones_like(NO_ALPHA)
    assert all(refused(room()) for _ in range(20))
    assert engine.calls == 20


# ---------------------------------------------------------------- real clips


def close_up(clip: Path, scale: float) -> Iterator[Image]:
    with av.open(str(clip)) as film:
        for picture in film.decode(video=0):
            image = picture.to_ndarray(format="bgr24").astype(np.uint8, copy=False)
            rows, columns = image.shape[:2]
            y, x = round(0.3 * rows * (1 - 1 / scale)), round(0.5 * columns * (1 - 1 / scale))
            part = image[y : y + round(rows / scale), x : x + round(columns / scale)]
            yield cv2.resize(part, (columns, rows)).astype(np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1.0, 3.0, 6.0])
def test_webcam_clips_are_plausible_and_close_ups_do_not_flap(data: Path, scale: float) -> None:
    for clip in sorted((data / "video" / "webcam").glob("*.mkv"))[:3]:
        _, refused = live(TorchEngine("unet-lite", "cpu", input_height=96), False)
        shown = [refused(image) for image in islice(close_up(clip, scale), 40)]
        assert sum(a != b for a, b in pairwise(shown)) <= 1
        if scale <= 3:
            assert not any(shown)


@pytest.mark.slow
def test_a_real_close_up_that_breathes_does_not_flap(data: Path) -> None:
    """Somebody who leans in and out, from the whole scene to nothing but skin."""
    clip = sorted((data / "video" / "webcam").glob("*.mkv"))[0]
    _, refused = live(TorchEngine("unet-lite", "cpu", input_height=96), False)
    shown = []
    for i in range(60):
        scale = 4.5 + 3.5 * np.sin(i / 4)
        shown.append(refused(next(islice(close_up(clip, scale), i // 3, None))))
    assert sum(a != b for a, b in pairwise(shown)) <= 1
