"""What is an alpha, and what the finder on the processor hands to its parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bgblur.frame import Alpha, Image
from bgblur.segmentation.finder import HostFinder, check_alpha, check_plane, check_shape
from bgblur.segmentation.motion import small_picture
from bgblur.stats import Stats

IMAGE = np.zeros((180, 320, 3), np.uint8)


def plane(*values: float) -> Alpha:
    return np.array([values], np.float32)


@pytest.mark.parametrize("values", [(0, 1), (0, 0), (1, 1), (-0.009, 0.5), (0.5, 1.009)])
def test_zero_to_one_is_an_alpha_with_a_little_slack(values: tuple[float, ...]) -> None:
    check_alpha(plane(*values))


@pytest.mark.parametrize("values", [(-0.02, 0.5), (0.5, 1.02), (-1, 1), (0, 2)])
def test_other_values_are_not(values: tuple[float, ...]) -> None:
    with pytest.raises(RuntimeError, match="instead of an alpha of 0 to 1"):
        check_alpha(plane(*values))


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_not(value: float) -> None:
    with pytest.raises(RuntimeError, match="not numbers"):
        check_alpha(plane(0, value, 1))


@pytest.mark.parametrize("shape", [(4,), (4, 4, 1), (0, 4), (4, 0), (1, 4, 4)])
def test_only_a_plane_is_an_alpha(shape: tuple[int, ...]) -> None:
    for check in (check_plane, check_alpha):
        with pytest.raises(RuntimeError, match="instead of an alpha plane"):
            check(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("rows", "columns", "fits"),
    [
        (90, 160, True),
        (96, 160, True),  # what a network of 96 rows gives
        (160, 288, True),
        (90, 219, True),  # 59 of 32 + 27 columns
        (90, 220, False),
        (90, 114, True),  # 46 of 32 + 14
        (90, 113, False),
        (160, 90, False),  # on its side
        (90, 80, False),  # the left half
        (45, 160, False),  # the upper half
    ],
)
def test_an_alpha_has_the_shape_of_its_frame(rows: int, columns: int, fits: bool) -> None:
    alpha = np.zeros((rows, columns), np.float32)
    if fits:
        check_shape(alpha, IMAGE)
        return
    with pytest.raises(RuntimeError, match="another shape"):
        check_shape(alpha, IMAGE)


class Fixed:
    device, precision, input_height = "cpu", "fp32", 96

    def __init__(self, alpha: Any) -> None:
        self.alpha = alpha

    def upload(self, image: Image) -> Any:
        return image

    def infer(self, pixels: Any) -> Any:
        return self.alpha


class Noted:
    """Stands for hysteresis and for smoothing; both are tested by themselves."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.resets = 0
        self.strength = -1.0

    def __call__(self, alpha: Any, *others: Any) -> Any:
        self.calls.append(others)
        return alpha

    def reset(self) -> None:
        self.resets += 1


@pytest.fixture
def found() -> tuple[HostFinder, Noted, Noted]:
    finder = HostFinder(Fixed(np.zeros((90, 160), np.float32)), Stats())
    certain, smooth = Noted(), Noted()
    finder._certain, finder._smooth = certain, smooth  # type: ignore[assignment]
    return finder, certain, smooth


@pytest.mark.parametrize("smoothing", [0.01, 1.0])
def test_a_smoothed_alpha_is_told_what_passed(
    smoothing: float, found: tuple[HostFinder, Noted, Noted]
) -> None:
    finder, certain, smooth = found
    image = np.random.default_rng(1).integers(0, 256, IMAGE.shape, np.uint8)
    finder(image, image, smoothing, 3)
    small = small_picture(image)
    finder(image, image, smoothing, 1, small)
    assert certain.calls == [(True, 3), (True, 1)]
    assert [passed for _, passed in smooth.calls] == [3, 1]
    assert all(np.array_equal(given, small) for given, _ in smooth.calls)
    assert smooth.calls[1][0] is small
    assert smooth.strength == smoothing
    assert smooth.resets == 0


def test_without_smoothing_nothing_of_before_is_kept(
    found: tuple[HostFinder, Noted, Noted],
) -> None:
    finder, certain, smooth = found
    finder(IMAGE, IMAGE, 0.0, 2)
    assert certain.calls == [(False, 2)]
    assert smooth.calls == []
    assert smooth.resets == 1


def test_a_reset_forgets_both(found: tuple[HostFinder, Noted, Noted]) -> None:
    finder, certain, smooth = found
    finder.reset()
    assert (certain.resets, smooth.resets) == (1, 1)


@pytest.mark.parametrize(
    "alpha", [np.full((90, 160), 2.0), np.zeros((160, 90)), np.zeros((90, 160, 1))]
)
def test_what_is_no_alpha_goes_no_further(
    alpha: Any, found: tuple[HostFinder, Noted, Noted]
) -> None:
    finder, certain, smooth = found
    finder._engine = Fixed(alpha)
    with pytest.raises(RuntimeError, match="the model gave"):
        finder(IMAGE, IMAGE, 1.0, 1)
    assert certain.calls == smooth.calls == []
