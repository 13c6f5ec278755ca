"""Temporal smoothing of alpha that follows the picture.

An exponential mean, pixel by pixel, whose weight follows what is seen to move, as in recursive
noise reduction of video: alpha has no reason to change where the picture does not, and there even a
larger change has to last to be believed; where the picture moves, an alpha that changes much passes
at once. The mean of the pictures is kept beside that of alpha, so that what creeps adds up.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from bgblur.frame import Image

STILL, MOVED = 5.0, 12.0  # grey levels a small picture may differ by: noise, and motion
_MOST = 0.98  # weight of the past: less than 1, or alpha would never come back to what is found
WHERE_MOVED = 0.3  # of that weight
AT_ONCE, IN_TIME = 0.7, 3.0  # changes of alpha that are not smoothed: where it moved, elsewhere


class TemporalSmoother:
    """``strength`` 0..1: the weight that the last frame has where nothing moves."""

    def __init__(self, strength: float = 0.5) -> None:
        self.strength = strength
        self._alpha: Any = None
        self._seen: Any = None

    def __call__(self, alpha: Any, small: Image, passed: int = 1) -> Any:
        """``alpha`` (h, w) of the next frame, or of one that ``passed`` frames later, an array or a
        tensor, and its small picture (``motion.small_picture``); a new size starts afresh."""
        strength = past_of(self.strength, passed)
        same = self._alpha is not None and self._alpha.shape == alpha.shape
        if not same or self._seen.shape != small.shape:
            self._alpha, self._seen = alpha, small.astype(np.float32)
            return alpha
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
        """Forget the past: the scene was cut."""
        self._alpha = self._seen = None


def past_of(strength: float, passed: Any) -> Any:
    """The weight that is left after ``passed`` frames, a number or a tensor."""
    return min(strength, _MOST) ** passed


def motion_of(apart: Any) -> Any:
    """0..1 from how far the colours of a pixel are ``apart`` from those of the mean."""
    return ((apart - STILL) / (MOVED - STILL)).clip(0, 1)


def weight_of(motion: Any, strength: Any) -> Any:
    """Of the past: in the mean of the pictures, and at most in that of alpha."""
    return strength - ((1 - WHERE_MOVED) * strength) * motion


def smoothed(alpha: Any, previous: Any, motion: Any, strength: Any) -> Any:
    """``alpha`` drawn towards that of the frame before; arrays or tensors of one size."""
    change = alpha - previous
    calm = (1 - abs(change) * (1 / IN_TIME + (1 / AT_ONCE - 1 / IN_TIME) * motion)).clip(0, 1)
    return alpha - weight_of(motion, strength) * calm * change
