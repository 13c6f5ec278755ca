"""What counts as motion between two small pictures, by how much they differ."""

from __future__ import annotations

import numpy as np
import pytest

from bgblur.frame import Image
from bgblur.segmentation.motion import ROWS, StillScene, small_picture, small_width

GREY = np.full((ROWS, 160, 3), 100, np.uint8)


def with_square(change: int, side: int = 9, channel: slice | int = slice(None)) -> Image:
    """``GREY`` with a square that differs by ``change`` grey levels."""
    picture = GREY.copy()
    picture[40 : 40 + side, 40 : 40 + side, channel] = 100 + change
    return picture


def noisy(picture: Image, sigma: float, seed: int) -> Image:
    noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return (picture + noise).round().clip(0, 255).astype(np.uint8)


def scene(reference: Image) -> StillScene:
    still = StillScene()
    still.keep(reference)
    return still


@pytest.mark.parametrize(
    ("rows", "columns", "width"),
    [(720, 1280, 160), (360, 640, 160), (480, 640, 120), (900, 90, 16)],
)
def test_small_pictures_keep_the_shape(rows: int, columns: int, width: int) -> None:
    assert small_width(rows, columns) == width
    assert small_picture(np.zeros((rows, columns, 3), np.uint8)).shape == (90, width, 3)


def test_nothing_is_still_without_a_reference() -> None:
    assert not StillScene().holds(GREY)
    still = scene(GREY)
    assert still.holds(GREY)
    still.forget()
    assert not still.holds(GREY)


def test_a_picture_of_another_size_is_not_still() -> None:
    assert not scene(GREY).holds(GREY[:, :-1])


@pytest.mark.parametrize("channel", [0, 1, 2, slice(None)])
def test_without_noise_two_levels_are_still_and_three_are_motion(channel: slice | int) -> None:
    for sign in (1, -1):
        assert scene(GREY).holds(with_square(sign, channel=channel))
        assert not scene(GREY).holds(with_square(3 * sign, channel=channel))


def balanced(by: int) -> Image:
    """One square is ``by`` brighter, another as much darker: there is no other light."""
    picture = with_square(by)
    picture[70:79, 100:109] = 100 - by
    return picture


def test_the_least_difference_that_counts() -> None:
    assert scene(GREY).holds(balanced(2))
    assert not scene(GREY).holds(balanced(3)), "less than the most, but there is no noise"


@pytest.mark.parametrize(("thirds", "holds"), [(10, True), (11, False)])
def test_seven_deviations_are_noise_and_more_is_motion(thirds: int, holds: bool) -> None:
    """Every cell differs by a third of a level, so noise is half a level and seven times that 3.45
    levels. Two squares differ by ``thirds``; the picture's mean stays."""
    third = np.zeros((ROWS, 160, 1), int)
    third[::3] = 1
    change = np.concatenate((third[:, :80], -third[:, 80:]), axis=1)
    square = np.full((9, 9, 1), thirds // 3)
    square[::3] += thirds % 3 > 0
    square[1::3] += thirds % 3 > 1
    change[30:39, 30:39] = square
    change[30:39, 110:119] = -square
    assert scene(GREY).holds((GREY + change).astype(np.uint8)) is holds


@pytest.mark.parametrize("sigma", [1.0, 1.6])
def test_noise_is_still_and_a_hand_in_it_is_motion(sigma: float) -> None:
    for seed in range(5):
        still = scene(noisy(GREY, sigma, 2 * seed))
        assert still.holds(noisy(GREY, sigma, 2 * seed + 1))
        assert not still.holds(noisy(with_square(12, 3), sigma, 2 * seed + 1))


@pytest.mark.parametrize("sigma", [2.2, 9.0])
def test_more_than_four_levels_are_motion_in_any_noise(sigma: float) -> None:
    """Noise must not hide a hand: with so much of it nothing is held. That of 2.2 levels differs
    by four to five once averaged."""
    for seed in range(3):
        assert not scene(noisy(GREY, sigma, 2 * seed)).holds(noisy(GREY, sigma, 2 * seed + 1))


@pytest.mark.parametrize(
    ("light", "holds"), [(0.98, True), (1.02, True), (0.94, False), (1.06, False), (0.5, False)]
)
def test_a_little_more_or_less_light_is_still(light: float, holds: bool) -> None:
    bright = np.full_like(GREY, 200)
    lit = np.full_like(GREY, round(200 * light))
    assert scene(bright).holds(lit) is holds


def test_light_does_not_hide_motion() -> None:
    """The whole picture is a little brighter, and a square of it is not."""
    lit = np.full_like(GREY, 103)
    assert scene(GREY).holds(lit)
    lit[40:49, 40:49] = 97
    assert not scene(GREY).holds(lit)


def test_a_black_picture_is_still_and_whatever_appears_in_it_is_motion() -> None:
    black = np.zeros_like(GREY)
    assert scene(black).holds(black)
    assert not scene(black).holds(with_square(100) - np.uint8(100))
    assert not scene(black).holds(GREY)
    assert not scene(GREY).holds(black)


def test_slow_motion_adds_up() -> None:
    still = scene(GREY)
    assert still.holds(with_square(1))
    assert still.holds(with_square(2))
    assert not still.holds(with_square(3))
