from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scenes import levels_apart, portrait

from bgblur.imaging.color import even, to_i420

# Y, Cb, Cr of the full colour bars in BT.601 limited range, from the recommendation's formulas.
BARS = [
    ((255, 255, 255), (235, 128, 128)),
    ((0, 255, 255), (210, 16, 146)),  # yellow
    ((255, 255, 0), (170, 166, 16)),  # cyan
    ((0, 255, 0), (145, 54, 34)),
    ((255, 0, 255), (106, 202, 222)),  # magenta
    ((0, 0, 255), (81, 90, 240)),
    ((255, 0, 0), (41, 240, 110)),
    ((0, 0, 0), (16, 128, 128)),
]


@pytest.mark.parametrize(("bgr", "yuv"), BARS)
def test_colour_bars(bgr: tuple[int, int, int], yuv: tuple[int, int, int]) -> None:
    width, height = 16, 8
    planes = to_i420(np.full((height, width, 3), bgr, np.uint8)).reshape(-1)
    luma, cb, cr = np.split(planes, [width * height, width * height * 5 // 4])
    for plane, value in zip((luma, cb, cr), yuv, strict=True):
        np.testing.assert_allclose(plane.astype(int), value, atol=1)


@given(width=st.integers(1, 70), height=st.integers(1, 70))
def test_any_size_becomes_even_by_repeating_its_edge(width: int, height: int) -> None:
    image = np.random.default_rng(width * 71 + height).integers(
        0, 256, (height, width, 3), np.uint8
    )
    padded = even(image)
    rows, columns = height + height % 2, width + width % 2
    assert padded.shape == (rows, columns, 3)
    np.testing.assert_array_equal(padded[:height, :width], image)
    np.testing.assert_array_equal(padded[-1, :width], image[-1])
    np.testing.assert_array_equal(padded[:height, -1], image[:, -1])
    i420 = to_i420(image)
    assert i420.shape == (rows * 3 // 2, columns)
    np.testing.assert_array_equal(i420, cv2.cvtColor(padded, cv2.COLOR_BGR2YUV_I420))


def test_an_even_picture_is_not_copied() -> None:
    image = portrait(64, 48)
    assert even(image) is image


def test_i420_and_back() -> None:
    image = cv2.GaussianBlur(portrait(320, 180), (0, 0), 3)  # chroma has half the resolution
    back = cv2.cvtColor(to_i420(image), cv2.COLOR_YUV2BGR_I420)
    assert levels_apart(back, image).mean() < 2
