from __future__ import annotations

import cv2
import numpy as np
import pytest
from support.scenes import portrait

from bgblur.imaging.resize import shrink

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
