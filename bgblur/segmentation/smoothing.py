"""Temporal smoothing of alpha that adapts to motion.

An exponential moving average per pixel, with a weight that depends on the picture's motion, as in
recursive video noise reduction. Where the picture is still, alpha should not change, and even a
large change must persist before it is accepted. Where the picture moves, a large change of alpha is
accepted at once. The pictures are averaged as well, so that slow motion adds up.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from bgblur.frame import Image

STILL, MOVED = 5.0, 12.0  # differences of small pictures in grey levels: noise up to, motion from
_MOST = 0.98  # largest weight of the past; with 1, alpha would never change
WHERE_MOVED = 0.3  # factor on that weight where the picture moved
_ROUNDED = 0.25  # largest relative difference of the aspect ratios of one picture's alphas
AT_ONCE, IN_TIME = 0.7, 3.0  # changes of alpha that are not smoothed: in motion, elsewhere


class TemporalSmoother:
    """``strength`` (0..1) is the weight of the past where nothing moves."""

    def __init__(self, strength: float = 0.5) -> None:
        self.strength = strength
        self._alpha: Any = None
        self._seen: Any = None

    def __call__(self, alpha: Any, small: Image, passed: int = 1) -> Any:
        """The mean after ``alpha`` (h, w), an array or a tensor, of the frame ``passed`` frames
        after the last, whose small picture (``motion.small_picture``) is ``small``. Another
        resolution goes on with the mean; another shape of the picture starts a new one."""
        strength = past_of(self.strength, passed)
        known = self._alpha is not None and self._seen.shape == small.shape
        if not known or not same_view(self._alpha.shape, alpha.shape):
            self._alpha, self._seen = alpha, small.astype(np.float32)
            return alpha
        if self._alpha.shape != alpha.shape:
            self._alpha = _at_size_of(alpha, self._alpha)
        change = cv2.subtract(small, self._seen, dtype=cv2.CV_32F)
        blue, green, red = cv2.split(np.abs(change))
        motion = motion_of(cv2.max(cv2.max(blue, green), red))
        weight = weight_of(motion, strength)
        self._seen = small - cv2.merge([weight, weight, weight]) * change
        enlarged: Any = cv2.resize(motion, (alpha.shape[1], alpha.shape[0]))
        if not isinstance(alpha, np.ndarray):
            enlarged = alpha.new_tensor(enlarged)
        self._alpha = smoothed(alpha, self._alpha, enlarged, strength)
        return self._alpha

    def reset(self) -> None:
        """Forget the frames before."""
        self._alpha = self._seen = None


def same_view(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether arrays of these shapes (h, w) may be one picture at two resolutions. A network's
    width is rounded, so that they need not have the same aspect ratio."""
    return abs(one[1] * other[0] - other[1] * one[0]) <= _ROUNDED * one[1] * other[0]


def _at_size_of(alpha: Any, other: Any) -> Any:
    """``other`` enlarged or shrunk; arrays or tensors."""
    size = alpha.shape[1], alpha.shape[0]
    if isinstance(other, np.ndarray):
        return cv2.resize(other, size)
    return alpha.new_tensor(cv2.resize(other.float().cpu().numpy(), size))


def past_of(strength: float, passed: Any) -> Any:
    """The weight of the past after ``passed`` frames, a number or a tensor."""
    return min(strength, _MOST) ** passed


def motion_of(apart: Any) -> Any:
    """0..1 from ``apart``, the difference of a pixel's colour from the mean in grey levels."""
    return ((apart - STILL) / (MOVED - STILL)).clip(0, 1)


def weight_of(motion: Any, strength: Any) -> Any:
    """The weight of the past in the mean of the pictures, which is the largest one for alpha."""
    return strength - ((1 - WHERE_MOVED) * strength) * motion


def smoothed(alpha: Any, previous: Any, motion: Any, strength: Any) -> Any:
    """The mean of ``alpha`` and the ``previous`` mean; arrays or tensors of one size."""
    change = alpha - previous
    calm = (1 - abs(change) * (1 / IN_TIME + (1 / AT_ONCE - 1 / IN_TIME) * motion)).clip(0, 1)
    return alpha - weight_of(motion, strength) * calm * change
