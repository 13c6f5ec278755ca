"""Turned, flipped and cropped: known answers, by numpy's own turns."""

from __future__ import annotations

import numpy as np
import pytest

from bgblur.frame import Image
from bgblur.imaging.geometry import Flip, Geometry, Rotation

W, H = 64, 36
PICTURE = np.random.default_rng(1).integers(0, 256, (H, W, 3), np.uint8)
TURNS: list[Rotation] = [0, 90, 180, 270]
FLIPS: list[Flip] = ["none", "horizontal", "vertical"]


def upright(geometry: Geometry) -> Image:
    """Clockwise, by numpy's turns, which are anticlockwise."""
    turned = np.rot90(PICTURE, -(geometry.rotate // 90))
    return {"none": turned, "horizontal": turned[:, ::-1], "vertical": turned[::-1]}[geometry.flip]


@pytest.mark.parametrize("flip", FLIPS)
@pytest.mark.parametrize("rotate", TURNS)
def test_each_way_up(rotate: Rotation, flip: Flip) -> None:
    geometry = Geometry(rotate, flip)
    used = geometry.apply(PICTURE)
    assert np.array_equal(used, upright(geometry))
    assert used.flags.c_contiguous
    assert geometry.turned(W, H) == (used.shape[1], used.shape[0])


@pytest.mark.parametrize("flip", FLIPS)
@pytest.mark.parametrize("rotate", TURNS)
@pytest.mark.parametrize("center", [(0.5, 0.5), (0.4, 0.6), (0.0, 1.0), (1.0, 0.0)])
def test_a_zoom_is_around_its_centre_as_it_is_seen(
    center: tuple[float, float], rotate: Rotation, flip: Flip
) -> None:
    geometry = Geometry(rotate, flip, 2.0, center)
    whole = upright(geometry)
    rows, columns = whole.shape[0] // 2, whole.shape[1] // 2
    y = min(max(0, round(center[1] * 2 * rows - rows / 2)), rows)
    x = min(max(0, round(center[0] * 2 * columns - columns / 2)), columns)
    used = geometry.apply(PICTURE)
    assert used.flags.c_contiguous
    assert np.array_equal(used, whole[y : y + rows, x : x + columns])


def test_nothing_to_do_costs_nothing() -> None:
    assert Geometry(center=(0.2, 0.9)).apply(PICTURE) is PICTURE


@pytest.mark.parametrize("zoom", [1.01, 1.3, 2, 3, 4])
@pytest.mark.parametrize("size", [(1280, 720), (640, 480), (641, 481), (1920, 1080), (17, 16)])
def test_a_crop_keeps_the_shape_and_is_fast_to_composite(
    size: tuple[int, int], zoom: float
) -> None:
    used = Geometry(zoom=zoom).apply(np.zeros((size[1], size[0], 3), np.uint8))
    height, width = used.shape[:2]
    assert width <= size[0]
    assert height <= size[1]
    if min(size) > 16 and zoom > 1.05:
        assert width % 2 == height % 2 == 0
        assert width / height == pytest.approx(size[0] / size[1], rel=0.029), "no bars"
        assert size[0] / width == pytest.approx(zoom, rel=0.03)
    if height >= 280 and zoom > 1.05:
        assert width % 16 == height % 16 == 0


@pytest.mark.parametrize("rotate", TURNS)
@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 300), (3, 2), (5000, 3)])
def test_any_picture_has_a_part_to_use(size: tuple[int, int], rotate: Rotation) -> None:
    image = np.zeros((size[1], size[0], 3), np.uint8)
    assert Geometry(rotate, "vertical", 4.0, (1.0, 1.0)).apply(image).size
