"""Composited straight into I420: what converting the BGR picture gives."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from support.scenes import RED, checkerboard, disc, levels_apart, over, portrait

from bgblur.compositing.compositor import CpuCompositor
from bgblur.compositing.look import Look
from bgblur.frame import Alpha
from bgblur.imaging.color import is_i420, planes_of, to_i420
from bgblur.imaging.resize import halved
from bgblur.imaging.tiled import TiledAlpha
from bgblur.segmentation import edges

CPU = CpuCompositor()
NOBODY, EVERYBODY = np.zeros((360, 640), np.float32), np.ones((360, 640), np.float32)


@pytest.mark.parametrize("strength", [1, 60, 100])
@pytest.mark.parametrize("size", [(432, 240), (640, 360), (640, 480), (1280, 720)])
@pytest.mark.parametrize("softness", [1, 4, 12])
def test_the_same_but_for_rounding(strength: int, size: tuple[int, int], softness: float) -> None:
    alpha, look = disc(*size, softness), Look("blur", strength)
    frame = over(portrait(*size)[::-1], alpha, portrait(*size))
    planar = CPU.compose(frame, alpha, look, i420=True)
    assert is_i420(planar)
    apart = levels_apart(planar, to_i420(CPU.compose(frame, alpha, look)))
    assert apart.max() <= 3  # OpenCV takes the colour of the left of two pixels, not the mean
    assert np.percentile(apart, 99.9) <= 2
    assert apart.mean() <= 0.4


@pytest.mark.parametrize("alpha", [NOBODY, EVERYBODY], ids=["nobody", "everybody"])
def test_nobody_and_nothing_but_a_person(alpha: Alpha) -> None:
    frame, look = portrait(640, 360), Look("blur", 60)
    planar = CPU.compose(frame, alpha, look, i420=True)
    assert levels_apart(planar, to_i420(CPU.compose(frame, alpha, look))).max() <= 2


def test_mirrored_planes_are_the_planes_mirrored() -> None:
    frame, alpha = portrait(640, 360), disc(640, 360, 4)
    plain = CPU.compose(frame, alpha, Look("blur", 60), i420=True)
    mirrored = CPU.compose(frame, alpha, Look("blur", 60, mirror=True), i420=True)
    for one, other in zip(planes_of(plain), planes_of(mirrored), strict=True):
        np.testing.assert_array_equal(one, other[:, ::-1])


@pytest.mark.parametrize("size", [(642, 362), (641, 361), (6, 6), (48, 24)])
def test_a_size_without_whole_tiles_stays_bgr(size: tuple[int, int]) -> None:
    assert not is_i420(CPU.compose(portrait(*size), disc(*size), Look("blur", 60), i420=True))


@pytest.mark.parametrize("size", [(640, 360), (640, 480), (1280, 720), (1920, 1080), (643, 361)])
@pytest.mark.parametrize("i420", [True, False])
def test_alpha_in_tiles_gives_the_same_picture(size: tuple[int, int], i420: bool) -> None:
    low, frame = cv2.resize(disc(*size, 4), (288, 160)), portrait(*size)
    tiled = edges.tiled(low, frame)
    look = Look("blur", 60)
    for strength in (1, 60):
        look = Look("blur", strength)
        one, other = (
            CPU.compose(frame, alpha, look, 0, i420) for alpha in (tiled, np.asarray(tiled))
        )
        assert levels_apart(one, other).max() <= 1


@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (1920, 1080)])
def test_a_half_given_changes_nothing(size: tuple[int, int]) -> None:
    frame, alpha = portrait(*size), disc(*size, 4)
    tiled = TiledAlpha.of(alpha)
    given = TiledAlpha(tiled.shape, tiled.inside, tiled.outline, tiled.values, halved(frame))
    np.testing.assert_array_equal(
        CPU.compose(frame, given, Look(), 0, True), CPU.compose(frame, tiled, Look(), 0, True)
    )


def test_no_red_of_the_person_bleeds_into_the_room() -> None:
    alpha = disc(1280, 720, softness=4)
    frame = over(RED, alpha, checkerboard(1280, 720))
    planar = CPU.compose(frame, alpha, Look("blur", 60), i420=True)
    # Away from the outline, whose colours are stored for two pixels together.
    away = cv2.dilate(alpha, np.ones((5, 5), np.uint8))[::2, ::2] == 0
    for chroma in planes_of(planar)[1:]:
        assert np.abs(chroma[away].astype(int) - 128).max() <= 2
