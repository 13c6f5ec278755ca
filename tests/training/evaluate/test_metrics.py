from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bgblur.frame import Alpha
from bgblur.training.evaluate.metrics import band_gradient, band_mad, boundary_f, dtssd, iou, mad

alphas = hnp.arrays(np.float32, (12, 17), elements=st.floats(0, 1, width=32))


def plane(*rows: list[float]) -> Alpha:
    return np.array(rows, np.float32)


def square(size: int, top: int, left: int, side: int) -> Alpha:
    mask = np.zeros((size, size), np.float32)
    mask[top : top + side, left : left + side] = 1
    return mask


def test_iou_counts_pixels() -> None:
    assert iou(plane([1, 1, 0, 0]), plane([0, 1, 1, 0])) == pytest.approx(1 / 3)


def test_iou_leaves_out_invalid_pixels() -> None:
    valid = np.array([[True, True, False, False]])
    assert iou(plane([1, 1, 0, 0]), plane([0, 1, 1, 1]), valid) == pytest.approx(1 / 2)


def test_iou_of_two_empty_mattes_is_one() -> None:
    assert iou(np.zeros((4, 4), np.float32), np.zeros((4, 4), np.float32)) == 1.0


def test_mad_is_the_mean_difference() -> None:
    assert mad(plane([0.5, 0, 1]), plane([0, 0, 0.25])) == pytest.approx(1.25 / 3)
    assert mad(plane([0.5, 0]), plane([0, 0]), np.array([[False, True]])) == 0.0


def test_dtssd_by_hand() -> None:
    truth = [plane([0, 0]), plane([0, 1]), plane([0, 1])]
    flicker = [plane([0, 0]), plane([0.3, 1]), plane([0, 0.6])]
    # Changes differ by (0.3, 0), then by (-0.3, -0.4): RMS sqrt(0.045) and sqrt(0.125).
    expected = 100 * (math.sqrt(0.045) + math.sqrt(0.125)) / 2
    assert dtssd(flicker, truth) == pytest.approx(expected, rel=1e-5)


def test_dtssd_forgives_a_constant_error_and_a_single_frame() -> None:
    truth = [plane([0, 0.1]), plane([0.2, 0.3])]
    assert dtssd([t + np.float32(0.5) for t in truth], truth) == pytest.approx(0, abs=1e-4)
    assert dtssd(truth[:1], truth[:1]) == 0.0


def test_boundary_within_the_tolerance_counts() -> None:
    truth = square(100, 30, 30, 40)  # tolerance is 0.006 of the diagonal: one pixel
    assert boundary_f(square(100, 31, 30, 40), truth) == 1.0
    assert boundary_f(square(100, 36, 36, 28), truth) == 0.0


def test_boundary_precision_and_recall_by_hand() -> None:
    truth = square(100, 20, 20, 20)  # an outline of 76 pixels
    both = np.maximum(truth, square(100, 60, 60, 20))
    assert boundary_f(both, truth) == pytest.approx(2 * 0.5 * 1 / 1.5)


def test_a_true_outline_within_an_ignored_rim_is_no_error() -> None:
    valid = (square(100, 25, 25, 50) == 0) | (square(100, 35, 35, 30) == 1)
    labelled = square(100, 35, 35, 30)  # the rim of ten pixels has no label
    assert boundary_f(square(100, 30, 30, 40), labelled, valid) == 1.0
    assert boundary_f(square(100, 5, 5, 90), labelled, valid) < 0.5


def test_the_unknown_band_is_soft_alpha_and_what_is_near_an_outline() -> None:
    truth = square(100, 30, 30, 40)
    assert band_mad(square(100, 29, 29, 42), truth) > 0.3  # all of the error is in the band
    assert band_mad(np.maximum(truth, square(100, 0, 0, 9)), truth) == 0  # far from the outline
    soft = truth * np.float32(0.5)
    assert band_mad(truth, soft) == pytest.approx(0.5 * 1600 / (42 * 42 - 4), abs=0.01)


@given(alphas, alphas)
def test_bounds_and_symmetry(a: Alpha, b: Alpha) -> None:
    for measure in (iou, mad, boundary_f):
        assert 0 <= measure(a, b) <= 1
        assert measure(a, b) == pytest.approx(measure(b, a), abs=1e-6)
    assert dtssd([a, b], [b, a]) >= 0


@given(alphas)
def test_a_perfect_matte_is_perfect(a: Alpha) -> None:
    assert (iou(a, a), boundary_f(a, a), mad(a, a), dtssd([a, a], [a, a])) == (1, 1, 0, 0)


def test_the_gradient_error_is_of_strands_that_are_missing_along_the_outline() -> None:
    truth = square(100, 30, 30, 40)
    strand = truth.copy()
    strand[50, 65:74] = 0  # from the outline inwards
    assert band_gradient(truth, truth) == pytest.approx(0, abs=1e-9)
    assert band_gradient(strand, truth) > 0.03
    far = np.maximum(truth, square(100, 0, 0, 9))
    assert band_gradient(far, truth) == pytest.approx(0, abs=1e-9)
    valid = square(100, 0, 0, 60) > 0
    assert band_gradient(strand, truth, valid) < band_gradient(strand, truth)
    assert band_gradient(strand[:, :20], truth[:, :20]) == 0  # nothing but room


def test_the_gradient_of_a_ramp_is_its_slope() -> None:
    ramp = np.repeat(np.linspace(0, 1, 101, dtype=np.float32)[None], 40, 0)
    middle = ramp[:, 20:80]
    assert band_gradient(middle, middle * 0) == 0  # no outline in what is all room
    assert band_gradient(middle * 0, middle) == pytest.approx(1000 * 0.01**2, rel=0.1)
