from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from support.scenes import disc

from bgblur.frame import Alpha, Image
from bgblur.segmentation.smoothing import TemporalSmoother

arrays_and_tensors = pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
STILL = np.full((90, 160, 3), 100, np.uint8)


def flicker(planes: list[Any]) -> float:
    """RMS change from frame to frame, once settled: what shimmers."""
    return float(np.sqrt(np.mean(np.diff(planes[40:], axis=0) ** 2)))


def picture_of(person: Alpha) -> Image:
    """The small picture of somebody light in a dark room; 90 rows."""
    return np.repeat((60 + 120 * person).astype(np.uint8)[..., None], 3, axis=2)


@arrays_and_tensors
@pytest.mark.parametrize("noise", [0.02, 0.1])
def test_alpha_is_stable_where_the_picture_is_still(kind: Any, noise: float) -> None:
    """A sensor's noise is no motion."""
    rng = np.random.default_rng(0)
    truth = 0.2 + 0.6 * disc(160, 90, 12)
    smooth = TemporalSmoother(0.95)
    noisy = [truth + rng.normal(0, noise, truth.shape).astype(np.float32) for _ in range(160)]
    pictures = [np.rint(rng.normal(STILL, 1)).astype(np.uint8) for _ in noisy]
    smoothed = [
        np.asarray(smooth(kind(alpha), picture))
        for alpha, picture in zip(noisy, pictures, strict=True)
    ]
    assert flicker(smoothed) <= 0.12 * flicker(noisy)
    assert np.abs(np.mean(smoothed[80:], axis=0) - truth).max() < 6 * noise / np.sqrt(80)


@arrays_and_tensors
@pytest.mark.parametrize("strength", [0.3, 0.95, 1.0])
def test_motion_is_not_smoothed(kind: Any, strength: float) -> None:
    smooth = TemporalSmoother(strength)
    before = np.full((48, 88), 0.1, np.float32)
    after = before.copy()
    after[:, 44:] = 0.85  # a jump of 0.75, in one half
    entered = STILL.copy()
    entered[:, 79:] = 130
    for _ in range(5):
        smooth(kind(before), STILL)
    np.testing.assert_allclose(np.asarray(smooth(kind(after), entered)), after, atol=1e-6)
    np.testing.assert_allclose(np.asarray(smooth(kind(before), STILL)), before, atol=1e-6)


def test_a_moving_person_leaves_no_trail() -> None:
    smooth = TemporalSmoother(1.0)
    person = disc(160, 90)
    for step in range(0, 60, 2):
        frame = np.roll(person, step, axis=1)
        # All that is held back is of small changes, on the soft outline.
        np.testing.assert_allclose(smooth(frame, picture_of(frame)), frame, atol=0.12)


def test_slow_motion_is_followed() -> None:
    """Each step is too small to be seen, but they add up in the mean of the pictures, too."""
    smooth = TemporalSmoother(0.95)
    columns = np.mgrid[:90, :160][1].astype(np.float32)
    for step in range(400):
        person = np.clip((columns - 40 - step / 10) / 4, 0, 1)  # a soft edge, a pixel in 10 frames
        found = smooth(person, picture_of(person))
        if step > 50:
            assert np.abs(found - person).max() < 0.25


def test_a_lasting_change_of_the_network_is_accepted() -> None:
    """In a picture where nothing moves: soon where it is sure, and in the end in any case."""
    smooth = TemporalSmoother(0.95)
    smooth(np.zeros((4, 4), np.float32), STILL)
    for _ in range(6):
        result = smooth(np.ones((4, 4), np.float32), STILL)
    assert result.min() > 0.75
    for value in np.linspace(1, 0, 100, dtype=np.float32):
        result = smooth(np.full((4, 4), value, np.float32), STILL)
    for _ in range(60):
        result = smooth(np.zeros((4, 4), np.float32), STILL)
    assert result.max() < 0.03


def test_a_change_of_light_counts_as_motion() -> None:
    """Where all of the picture changes, alpha is as free as where somebody moves."""
    smooth = TemporalSmoother(0.95)
    smooth(np.zeros((4, 4), np.float32), STILL)
    assert smooth(np.full((4, 4), 0.3, np.float32), STILL + 40).min() > 0.2


def test_with_strength_1_alpha_still_changes() -> None:
    smooth = TemporalSmoother(1.0)
    smooth(np.zeros((4, 4), np.float32), STILL)
    for _ in range(300):
        result = smooth(np.full((4, 4), 0.04, np.float32), STILL)
    np.testing.assert_allclose(result, 0.04, atol=1e-3)


@arrays_and_tensors
def test_skipped_frames_count(kind: Any) -> None:
    """Time passes for a mean, however seldom it is asked."""
    one, other = TemporalSmoother(0.9), TemporalSmoother(0.9)
    here, later = kind(np.zeros((4, 4), np.float32)), kind(np.full((4, 4), 0.04, np.float32))
    one(here, STILL)
    other(here, STILL)
    for _ in range(10):
        often = one(later, STILL)
    np.testing.assert_allclose(np.asarray(other(later, STILL, 10)), np.asarray(often), atol=1e-3)


def test_a_new_size_and_a_reset_start_again() -> None:
    smooth = TemporalSmoother(1.0)
    smooth(np.full((8, 8), 0.5, np.float32), STILL)
    wider = np.full((8, 12), 0.52, np.float32)
    np.testing.assert_array_equal(smooth(wider, STILL), wider)
    later = np.full((8, 12), 0.54, np.float32)
    np.testing.assert_array_equal(smooth(later, STILL[:, 1:]), later)
    smooth.reset()
    last = np.full((8, 12), 0.56, np.float32)
    np.testing.assert_array_equal(smooth(last, STILL[:, 1:]), last)
    # Without a reset the same small step is held back.
    assert smooth(np.full((8, 12), 0.58, np.float32), STILL[:, 1:]).max() < 0.57


def test_inputs_are_not_written_to() -> None:
    smooth = TemporalSmoother(0.5)
    first, second = np.full((2, 2), 0.5, np.float32), np.full((2, 2), 0.52, np.float32)
    small, other = STILL.copy(), STILL + 9
    smooth(first, small)
    smooth(second, other)
    assert (first == np.float32(0.5)).all()
    assert (second == np.float32(0.52)).all()
    assert (small == STILL).all()
    assert (other == STILL + 9).all()


def test_another_resolution_goes_on_with_the_mean() -> None:
    """A step of the ladder is not seen: where the picture rests, alpha changes little by little."""
    smooth = TemporalSmoother(0.95)
    for _ in range(5):
        smooth(np.full((96, 160), 0.4, np.float32), STILL)
    for shape in ((128, 224), (96, 160), (288, 512)):
        stepped = smooth(np.full(shape, 0.6, np.float32), STILL)
        assert stepped.shape == shape
        assert 0.4 <= stepped.min() <= stepped.max() < 0.47
