"""Where a person stands who is cut off by a side of the photo."""

from __future__ import annotations

import numpy as np
import pytest

from bgblur.training.augment.examples import _place, beside
from bgblur.training.augment.examples_torch import _standing


@pytest.mark.parametrize(
    ("left", "right", "x", "expected"),
    [
        (False, False, 40.0, 40.0),
        (True, True, 40.0, 40.0),  # cut on both sides: as before
        (True, False, 40.0, 0.0),
        (True, False, -5.0, -5.0),
        (False, True, 40.0, 100.0),
        (False, True, 120.0, 120.0),
    ],
)
def test_beside(left: bool, right: bool, x: float, expected: float) -> None:
    assert beside(x, left, right, end=100.0) == expected


@pytest.mark.parametrize("seed", range(10))
def test_a_cut_is_never_seen_within_the_frame(seed: int) -> None:
    person = np.full((80, 80, 3), 90, np.uint8)
    matte = np.zeros((80, 80), np.float32)
    matte[20:, 30:] = 1  # as far as the photo's right side
    cover = _place(person, matte, 96, 160, np.random.default_rng(seed))[1]
    assert (cover[-1] > 0.5).any()
    assert cover[-1, -2] > 0.5  # the last column fades out

    box = np.array([20, 30, 80, 80])
    matrix = _standing(box, 80, 96, 160, np.random.default_rng(seed))
    assert matrix[0, 0] * 160 + matrix[0, 2] <= 80 + 1e-6  # the frame's right side in the photo
