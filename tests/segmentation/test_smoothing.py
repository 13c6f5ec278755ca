from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scenes import disc

from bgblur.segmentation.smoothing import TemporalSmoother

arrays_and_tensors = pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])


@arrays_and_tensors
def test_a_still_picture_shimmers_half_as_much(kind: Any) -> None:
    rng = np.random.default_rng(0)
    truth = 0.1 + 0.8 * disc(88, 48, 12)
    smooth = TemporalSmoother(0.5)
    noisy = [truth + rng.normal(0, 0.02, truth.shape).astype(np.float32) for _ in range(120)]
    smoothed = [np.asarray(smooth(kind(alpha))) for alpha in noisy]

    def flicker(planes: list[Any]) -> float:
        """RMS change from frame to frame, once settled: what shimmers."""
        return float(np.sqrt(np.mean(np.diff(planes[20:], axis=0) ** 2)))

    assert flicker(smoothed) <= 0.5 * flicker(noisy)
    assert np.abs(np.mean(smoothed[20:], axis=0) - truth).max() < 0.02  # and is not displaced


@arrays_and_tensors
@pytest.mark.parametrize("strength", [0.3, 0.5, 1.0])
def test_what_moves_passes_at_once(kind: Any, strength: float) -> None:
    smooth = TemporalSmoother(strength)
    before = np.full((48, 88), 0.1, np.float32)
    after = before.copy()
    after[:, 40:] = 0.85  # a jump of 0.75, in one half
    for _ in range(5):
        smooth(kind(before))
    np.testing.assert_allclose(np.asarray(smooth(kind(after))), after, atol=1e-6)
    np.testing.assert_allclose(np.asarray(smooth(kind(before))), before, atol=1e-6)


def test_a_moving_person_leaves_no_trail() -> None:
    smooth = TemporalSmoother(1.0)
    person = disc(88, 48)
    for step in range(0, 40, 2):
        frame = np.roll(person, step, axis=1)
        # All that is held back is of changes between noise and motion, on the soft outline.
        np.testing.assert_allclose(smooth(frame), frame, atol=0.18)


def test_a_slow_change_arrives() -> None:
    """Steps too small to be taken as motion add up: the mean must catch up."""
    smooth = TemporalSmoother(0.5)
    smooth(np.zeros((4, 4), np.float32))
    for value in np.linspace(0, 1, 100, dtype=np.float32):
        result = smooth(np.full((4, 4), value, np.float32))
    assert result.min() > 0.97


@arrays_and_tensors
def test_strength_0_passes_through(kind: Any) -> None:
    smooth = TemporalSmoother(0)
    rng = np.random.default_rng(1)
    for _ in range(3):
        alpha = rng.random((8, 9), np.float32)
        np.testing.assert_array_equal(np.asarray(smooth(kind(alpha))), alpha)


def test_size_change_and_reset_start_afresh() -> None:
    smooth = TemporalSmoother(1.0)
    smooth(np.full((8, 8), 0.5, np.float32))
    wider = np.full((8, 12), 0.52, np.float32)
    np.testing.assert_array_equal(smooth(wider), wider)
    smooth.reset()
    later = np.full((8, 12), 0.54, np.float32)
    np.testing.assert_array_equal(smooth(later), later)
    # Without a reset the same small step is held back.
    assert smooth(np.full((8, 12), 0.56, np.float32)).max() < 0.55


def test_strength_can_change_between_frames() -> None:
    smooth = TemporalSmoother(1.0)
    smooth(np.full((2, 2), 0.5, np.float32))
    smooth.strength = 0.0
    assert (smooth(np.full((2, 2), 0.52, np.float32)) == np.float32(0.52)).all()


def test_inputs_are_not_written_to() -> None:
    smooth = TemporalSmoother(0.5)
    first, second = np.full((2, 2), 0.5, np.float32), np.full((2, 2), 0.52, np.float32)
    smooth(first)
    smooth(second)
    assert (first == np.float32(0.5)).all()
    assert (second == np.float32(0.52)).all()
