"""Alpha in tiles says the same as the plane."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgblur.frame import Alpha
from bgblur.imaging.resize import shrink
from bgblur.imaging.tiled import TiledAlpha
from bgblur.imaging.tiles import SIDE, gathered, places_of, put


def people(seed: int, width: int, height: int) -> Alpha:
    rng = np.random.default_rng(seed)
    alpha = np.zeros((height, width), np.float32)
    for person in range(seed % 5):
        at = tuple(int(edge) for edge in rng.integers(0, (width, height)))
        cv2.circle(alpha, at, int(rng.integers(2, 90)), (1, 1, 0)[person % 3], -1)
    return cv2.blur(alpha, (3, 3)).clip(0, 1)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 99), width=st.integers(SIDE, 200), height=st.integers(SIDE, 200))
def test_a_plane_comes_back(seed: int, width: int, height: int) -> None:
    alpha = people(seed, width, height)
    tiled = TiledAlpha.of(alpha)
    assert tiled.shape == alpha.shape
    np.testing.assert_allclose(np.asarray(tiled), alpha, atol=1e-6)
    np.testing.assert_array_equal(np.asarray(tiled.pruned()), np.asarray(tiled))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("low", [(160, 90), (80, 45), (320, 180), (120, 90), (50, 31)])
@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (1920, 1080), (640, 480), (643, 361)])
def test_it_shrinks_like_the_plane(seed: int, low: tuple[int, int], size: tuple[int, int]) -> None:
    alpha = people(seed, *size)
    found = TiledAlpha.of(alpha).shrunk(*low)
    np.testing.assert_allclose(found, shrink(alpha, *low), atol=1e-5)


def test_pruning_drops_tiles_that_are_of_one_value() -> None:
    every = np.ones((2, 3), np.bool_)
    values = np.zeros((SIDE, 6 * SIDE), np.float32)
    values[:, SIDE : 3 * SIDE] = 1
    values[3, 2 * SIDE + 5] = 0.5
    tiled = TiledAlpha((2 * SIDE, 3 * SIDE), ~every, every, values).pruned()
    assert tiled.outline.tolist() == [[False, False, True], [False] * 3]
    assert tiled.inside.tolist() == [[False, True, False], [False] * 3]
    assert tiled.values.shape == (SIDE, SIDE)


@pytest.mark.parametrize(("width", "height"), [(8, 8), (29, 17), (64, 40)])
def test_tiles_go_back_to_their_places(width: int, height: int) -> None:
    plane = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    tiles = np.random.default_rng(2).random((-(-height // SIDE), -(-width // SIDE))) < 0.5
    places = places_of(tiles, width, height)
    copy = np.zeros_like(plane)
    put(copy, places, gathered(plane, places))
    touched = np.zeros((height, width), np.bool_)
    for row, column in np.argwhere(tiles):
        top, left = min(row * SIDE, height - SIDE), min(column * SIDE, width - SIDE)
        touched[top : top + SIDE, left : left + SIDE] = True
    np.testing.assert_array_equal(copy, np.where(touched[..., None], plane, 0))
