from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bgblur.segmentation.regions_torch import connected

Mask = NDArray[np.bool_]


def assert_as_opencv(mask: Mask) -> None:
    labels = connected(torch.from_numpy(mask)).numpy()
    _, wanted = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    assert ((labels > 0) == mask).all()
    assert labels.max(initial=0) <= mask.size
    pairs = set(zip(labels.ravel().tolist(), wanted.ravel().tolist(), strict=True))
    assert len(pairs) == len({label for label, _ in pairs}) == len({other for _, other in pairs})


def snake(side: int) -> Mask:
    """One region as long as can be: there and back, row by row."""
    mask = np.zeros((side, side), bool)
    mask[::2] = True
    for row in range(1, side, 2):
        mask[row, -1 if row // 2 % 2 == 0 else 0] = True
    return mask


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(1, 90),
    width=st.integers(1, 160),
    detail=st.floats(0.1, 5),
    share=st.floats(0, 1),
)
def test_any_mask(seed: int, height: int, width: int, detail: float, share: float) -> None:
    rng = np.random.default_rng(seed)
    plane = cv2.GaussianBlur(rng.random((height, width), np.float32), (0, 0), detail)
    assert_as_opencv(np.asarray(plane > np.quantile(plane, share)))


@pytest.mark.parametrize("side", [2, 3, 17, 64, 150])
@pytest.mark.parametrize("turns", range(4))
def test_a_long_snake_is_one_region(side: int, turns: int) -> None:
    mask = np.rot90(snake(side), turns)
    assert_as_opencv(np.ascontiguousarray(mask))
    assert_as_opencv(np.ascontiguousarray(mask.T))


def test_a_full_and_an_empty_mask() -> None:
    assert_as_opencv(np.ones((88, 160), bool))
    assert_as_opencv(np.zeros((88, 160), bool))
