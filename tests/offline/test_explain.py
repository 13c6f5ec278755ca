from __future__ import annotations

import cv2
import numpy as np
import pytest
from support.scenes import portrait

from bgblur.offline.explain import explain

VIRIDIS_LOW, VIRIDIS_HIGH = (84, 1, 68), (37, 231, 253)  # BGR, of matplotlib's table


def near(sheet: np.ndarray, color: tuple[int, int, int]) -> float:
    """The share of the sheet within a few levels of ``color``."""
    return float((np.abs(sheet.astype(int) - color).max(2) <= 4).mean())


def test_every_step_is_shown() -> None:
    photo = np.full((300, 600, 3), (200, 40, 40), np.uint8)
    result = np.full((300, 600, 3), (40, 200, 40), np.uint8)
    probability = np.zeros((32, 64), np.float32)
    probability[:, 32:] = 1
    alpha = np.full((300, 600), 0.5, np.float32)
    sheet = explain(photo, probability, alpha, result)
    assert sheet.dtype == np.uint8
    panel = 300 * 600 / (sheet.shape[0] * sheet.shape[1])
    assert near(sheet, (200, 40, 40)) == pytest.approx(panel, rel=0.02)  # the input
    assert near(sheet, (40, 200, 40)) == pytest.approx(panel, rel=0.02)  # the result
    assert near(sheet, (128, 128, 128)) == pytest.approx(panel, rel=0.02)  # alpha
    assert near(sheet, (0, 0, 0)) == pytest.approx(panel / 2, rel=0.05)  # half of the mask
    for color in (VIRIDIS_LOW, VIRIDIS_HIGH):  # half of the probability and one end of the legend
        assert near(sheet, color) == pytest.approx(panel / 2, rel=0.1)


def test_the_hard_mask_is_where_a_person_is_more_likely_than_not() -> None:
    probability = np.tile(np.array([0.2, 0.49, 0.51, 0.9], np.float32), (4, 1))
    blank = np.full((400, 400, 3), 77, np.uint8)
    sheet = explain(blank, probability, np.full((400, 400), 0.3, np.float32), blank)
    row = sheet[200, 648 + 75 : 648 + 600 : 150]  # the second panel's four columns
    assert row[:, 0].tolist() == [0, 0, 255, 255]


@pytest.mark.parametrize("size", [(20, 16), (4000, 500), (300, 2400)])
def test_any_shape_fits(size: tuple[int, int]) -> None:
    photo = portrait(*size)
    alpha = np.zeros(photo.shape[:2], np.float32)
    sheet = explain(photo, np.zeros((32, 32), np.float32), alpha, photo)
    assert sheet.shape[1] < 2000
    assert sheet.shape[0] < 2000
    gray = cv2.cvtColor(sheet, cv2.COLOR_BGR2GRAY)
    assert (gray < 100).any()  # the labels at least
