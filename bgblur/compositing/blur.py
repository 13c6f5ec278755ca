"""The geometry of the foreground-excluded blur, shared by both compositors.

``background = G(w * I) / G(w)`` with ``w`` = 0 on the person (normalised convolution, Knutsson and
Westin 1993), so that no colour of the person is smeared into the room around them: the "shadow"
of blurring the whole frame. A wide Gaussian has no fine detail to lose, so all of it is computed
at a resolution where its sigma is a few pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_SIGMA_LOW = 2.5  # pixels at the low resolution; below about 2 the upsampling would show
# Weight of the room's mean colour, which fills places far from any visible room, and within it of
# grey, for where no room is visible at all.
FLOOR = 1e-3
PERSON_FROM = 0.05  # alpha from which a place has no weight: more of the person's colour would show


@dataclass(frozen=True)
class BlurPlan:
    """``width``, ``height`` of the low resolution and the Gaussian's ``kernel`` there (1-D)."""

    width: int
    height: int
    kernel: NDArray[np.float32]


def plan_blur(width: int, height: int, sigma: float) -> BlurPlan:
    """Where and with what to blur a frame of ``width`` x ``height`` by ``sigma`` pixels."""
    factor = max(1.0, sigma / _SIGMA_LOW)
    low_width, low_height = max(1, round(width / factor)), max(1, round(height / factor))
    sigma_low = max(1e-3, sigma * low_height / height)
    kernel = cv2.getGaussianKernel(2 * int(np.ceil(3 * sigma_low)) + 1, sigma_low, cv2.CV_32F)
    return BlurPlan(low_width, low_height, np.asarray(kernel[:, 0], np.float32))
