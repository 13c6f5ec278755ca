from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from support.media.clips import composited, with_matte
from support.scenes import disc

from bgblur.frame import Alpha
from bgblur.segmentation.hysteresis import Hysteresis

KINDS = [np.asarray, torch.from_numpy]
WIDTH, HEIGHT = 128, 72


def blob(x: int, y: int, peak: float, size: int = 12) -> Alpha:
    """A square of ``size`` whose middle is ``peak`` and whose rim is 0.4."""
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[y : y + size, x : x + size] = 0.4
    alpha[y + size // 3 : y + 2 * size // 3, x + size // 3 : x + 2 * size // 3] = peak
    return alpha


@pytest.mark.parametrize("kind", KINDS)
def test_a_person_is_kept_whole_and_an_unsure_region_dropped(kind: Any) -> None:
    person, chair = blob(20, 20, 0.99, 30), blob(90, 40, 0.9)
    kept = np.asarray(Hysteresis()(kind(np.maximum(person, chair))))
    np.testing.assert_array_equal(kept, person)


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_with_only_a_certain_person_is_unchanged(kind: Any) -> None:
    person = kind(disc(WIDTH, HEIGHT))
    assert Hysteresis()(person) is person


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (4, 4), (73, 131)])
def test_any_size(kind: Any, shape: tuple[int, int]) -> None:
    assert np.asarray(Hysteresis()(kind(np.full(shape, 0.9, np.float32)))).max() == 0
    sure = np.full(shape, 0.3, np.float32)
    sure[-1, -1] = 1
    np.testing.assert_array_equal(np.asarray(Hysteresis()(kind(sure))), sure)


def test_a_region_that_was_certain_is_kept_with_a_lower_peak() -> None:
    certain = Hysteresis()
    certain(blob(20, 20, 0.99))
    for x in range(20, 40):  # fainter, and moving
        faint = blob(x, 20, 0.7)
        np.testing.assert_array_equal(certain(faint), faint)
    assert certain(blob(80, 20, 0.7)).max() == 0  # elsewhere it is another
    assert certain(blob(39, 20, 0.7)).max() == 0  # and the first is gone by now
    certain(blob(20, 20, 0.99))
    assert certain(blob(20, 20, 0.5)).max() == 0  # too faint
    certain(blob(20, 20, 0.99))
    certain.reset()
    assert certain(blob(20, 20, 0.7)).max() == 0


@pytest.mark.parametrize("passed", [1, 10])
def test_a_region_no_longer_certain_is_dropped_in_time(passed: int) -> None:
    certain = Hysteresis()
    for _ in range(2):  # a certain frame in between restarts the time
        certain(blob(20, 20, 0.96), passed=passed)
        for _ in range(89 // passed):
            assert certain(blob(20, 20, 0.9), passed=passed).max() > 0
    assert certain(blob(20, 20, 0.9), passed=passed).max() == 0


def test_a_call_counts_as_one_frame() -> None:
    certain = Hysteresis()
    certain(blob(20, 20, 0.96))
    assert [certain(blob(20, 20, 0.9)).max() > 0 for _ in range(90)] == [True] * 89 + [False]


def test_an_unrelated_picture_does_not_use_the_past() -> None:
    certain = Hysteresis()
    certain(blob(20, 20, 0.99))
    assert certain(blob(20, 20, 0.7), follows=False).max() == 0


def test_a_region_that_outgrows_its_past_must_be_certain_again() -> None:
    certain = Hysteresis()
    certain(blob(20, 20, 0.99, 12))
    assert certain(blob(10, 10, 0.8, 40)).max() == 0


def test_real_people_are_unchanged(data: Any) -> None:
    """Their true mattes, of every clip, pass unchanged but for specks apart from them."""
    for clip in composited(data):
        certain = Hysteresis()
        for _, truth in list(with_matte(clip))[::15]:
            assert np.abs(certain(truth) - truth).mean() < 1e-3


def test_another_resolution_remembers_who_was_certain() -> None:
    certain = Hysteresis()
    person = blob(20, 20, 0.99, 24)
    certain(person)
    for rows, columns in ((120, 176), (64, 96), (96, 160)):
        unsure = cv2.resize(person, (columns, rows), interpolation=cv2.INTER_NEAREST) * 0.75
        assert certain(unsure).max() > 0.7
    assert certain(unsure.T.copy()).max() == 0  # another shape is another picture
