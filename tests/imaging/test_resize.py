from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image
from support.scenes import levels_apart, portrait

from bgblur.imaging.resize import antialiased, shrink

SIZES = [(1280, 720, 160, 90), (1280, 720, 288, 160), (92, 92, 45, 45), (640, 480, 120, 90)]


@pytest.mark.parametrize(("width", "height", "columns", "rows"), SIZES)
def test_shrink_equals_opencvs(width: int, height: int, columns: int, rows: int) -> None:
    picture = portrait(width, height)
    wanted = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(shrink(picture, columns, rows) - wanted).max() <= 2  # halves are rounded each
    rough = shrink(picture, columns, rows, roughly=True)
    assert rough.shape == wanted.shape
    assert np.abs(rough - wanted).mean() < 1.7  # levels


def test_enlarges_too() -> None:
    assert shrink(portrait(40, 20), 80, 40).shape == (40, 80, 3)


@pytest.mark.parametrize("size", [(1920, 1080), (1280, 720), (640, 360), (427, 240), (200, 150)])
@pytest.mark.parametrize("target", [(160, 96), (352, 192), (512, 288)])
def test_a_shrunk_picture_is_that_of_pillow(size: tuple[int, int], target: tuple[int, int]) -> None:
    picture = portrait(*size)
    expected = np.asarray(Image.fromarray(picture).resize(target, Image.Resampling.BILINEAR))
    found = antialiased(picture, *target)
    assert found.shape == expected.shape
    assert levels_apart(found, expected).mean() < 1.2
