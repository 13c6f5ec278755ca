from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from support.scenes import disc, levels_apart, over

from bgblur.compositing.compositor import CpuCompositor
from bgblur.compositing.compositor_torch import TorchCompositor
from bgblur.compositing.look import Look
from bgblur.frame import Image

BOTH = pytest.mark.parametrize("compositor", [CpuCompositor(), TorchCompositor("cpu")])
ALPHA = disc(640, 360, 4)
Y, X = np.mgrid[:360, :640] + 0.5
DEPTH = 108 - np.hypot(X - 320, Y - 198)  # pixels inside the outline
PERSON = np.full((360, 640, 3), (60, 90, 120), np.uint8)
FRAME = over(PERSON, ALPHA, np.full_like(PERSON, 30))


def flat(shade: int) -> Image:
    return np.full((9, 16, 3), shade, np.uint8)


@BOTH
def test_light_falls_on_the_outline_and_fades_inwards(compositor: Any) -> None:
    look = Look("image", picture=flat(255), light_wrap=1.0)
    gain = compositor.compose(FRAME, ALPHA, look).astype(int) - PERSON
    rings = [gain[(from_ <= DEPTH) & (from_ + 3 > DEPTH)].mean() for from_ in (2, 5, 8, 11, 14, 30)]
    assert rings[0] > 20
    assert all(outer >= inner for outer, inner in pairwise(rings))
    assert rings[-1] == 0


@BOTH
def test_more_light_wrap_is_brighter_and_zero_changes_nothing(compositor: Any) -> None:
    edge = (DEPTH > 2) & (DEPTH < 8)
    shades = [
        compositor.compose(FRAME, ALPHA, Look("image", picture=flat(255), light_wrap=amount))[
            edge
        ].mean()
        for amount in (0.0, 0.3, 0.6, 1.0)
    ]
    assert shades[0] == PERSON.mean()
    assert all(np.diff(shades) > 2)


@BOTH
def test_a_dark_picture_and_a_plain_colour_throw_no_light(compositor: Any) -> None:
    for look in (
        Look("image", picture=flat(0), light_wrap=1.0),
        Look("color", color=(255, 255, 255), light_wrap=1.0),
    ):
        picture = compositor.compose(FRAME, ALPHA, look)
        np.testing.assert_array_equal(picture[ALPHA == 1], PERSON[ALPHA == 1])


@BOTH
def test_light_has_the_backgrounds_colour(compositor: Any) -> None:
    halves = np.zeros((360, 640, 3), np.uint8)
    halves[:, :320, 2] = 255  # red on the left
    halves[:, 320:, 0] = 255  # blue on the right
    picture = compositor.compose(FRAME, ALPHA, Look("image", picture=halves, light_wrap=1.0))
    gain = picture.astype(int) - PERSON
    left, right = (gain[(DEPTH > 2) & (DEPTH < 6) & side] for side in (X < 250, X > 390))
    assert left[:, 2].mean() > 15
    assert left[:, 0].mean() < 1
    assert right[:, 0].mean() > 15
    assert right[:, 2].mean() < 1


@BOTH
def test_same_light_at_any_size(compositor: Any) -> None:
    look = Look("image", picture=flat(255), light_wrap=1.0)
    small = compositor.compose(FRAME, ALPHA, look)
    large = compositor.compose(
        np.full((1080, 1920, 3), PERSON[0, 0], np.uint8), disc(1920, 1080, 12), look
    )
    apart = levels_apart(large[1::3, 1::3], small)[DEPTH > 3]
    assert apart.max() <= 10  # the outline is sampled half a pixel aside
    assert apart.mean() <= 1
