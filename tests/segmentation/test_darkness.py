"""In the dark nobody is found, whatever the network says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.scenes import portrait

from bgblur.frame import Image
from bgblur.segmentation.darkness import percentile, shown_in, visibility
from bgblur.segmentation.live import LiveMatting
from bgblur.segmentation.matting import Matting
from bgblur.segmentation.motion import small_picture
from bgblur.segmentation.options import MaskOptions
from bgblur.stats import Stats
from bgblur.training.evaluate.dark_rooms import LIGHTS, in_light

DARK = LIGHTS[-1]


class Everybody:
    """An engine that calls the middle of every picture a person."""

    device, precision, input_height = "cpu", "fp32", 96

    def upload(self, image: Image) -> Any:
        return image

    def infer(self, pixels: Any) -> Any:
        alpha = np.zeros((96, 160), np.float32)
        alpha[20:, 50:110] = 1
        return alpha


@pytest.mark.parametrize("size", [(160, 90), (640, 360), (1280, 720)])
@pytest.mark.parametrize("light", LIGHTS, ids=lambda light: light.name)
def test_only_the_dark_hides_a_person(size: tuple[int, int], light: Any) -> None:
    seen = visibility(small_picture(in_light(portrait(*size), light, 1)))
    assert seen == (0 if light is DARK else 1)


def test_dark_walls_beside_a_lit_face_hide_nobody() -> None:
    image: Image = np.zeros((360, 640, 3), np.uint8)
    image[100:220, 270:370] = 60  # a twentieth of the picture
    assert visibility(small_picture(image)) == 1


def test_between_dark_and_light_alpha_rises_without_a_step() -> None:
    alpha = np.ones((4, 4), np.float32)
    levels = np.arange(12, 26)
    shown = [shown_in(np.full((90, 160, 3), level, np.uint8), alpha)[0, 0] for level in levels]
    assert (shown[0], shown[-1]) == (0, 1)
    assert np.all(np.diff(shown) >= 0)
    assert max(np.diff(shown)) < 0.3
    assert shown_in(np.full((90, 160, 3), 18, np.uint8), alpha).dtype == np.float32


@pytest.mark.parametrize("live", [False, True])
def test_a_confident_mask_shows_nothing_of_a_dark_room(live: bool) -> None:
    image = portrait(640, 360)
    dark = in_light(image, DARK, 1)

    def matting() -> Matting:
        engine = Everybody()
        return LiveMatting(engine, Stats(), None, True) if live else Matting(engine, Stats())

    assert np.asarray(matting()(image, MaskOptions())[1]).max() == 1
    assert np.asarray(matting()(dark, MaskOptions())[1]).max() == 0
    assert np.asarray(matting()(dark, MaskOptions(smoothing=0))[1]).max() == 0


@pytest.mark.parametrize("size", [1, 2, 21, 1590])
def test_the_percentile_is_numpys(size: int) -> None:
    values = np.random.default_rng(size).integers(0, 256, size, np.uint8)
    assert percentile(values, 95) == pytest.approx(np.percentile(values, 95))
