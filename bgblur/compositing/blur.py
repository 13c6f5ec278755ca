"""The foreground-excluded blur: its geometry, shared by both compositors, and the CPU's.

``background = G(w * I) / G(w)`` with ``w`` = 0 on the person (normalised convolution, Knutsson and
Westin 1993), so that no colour of the person is smeared into the room around them: the "shadow"
of blurring the whole frame. A wide Gaussian has no fine detail to lose, so all of it is computed
at a resolution where its sigma is a few pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.frame import Alpha, Image
from bgblur.imaging.resize import shrink

_SIGMA_LOW = 1.8  # pixels at the low resolution, at least; with less the upsampling would show
# The low resolution has this many lines or a power of two times as many: the same for a frame of
# any size, so that the look is, and reached from 360 or 720 lines by halves, which is cheapest.
_LINES = 45
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
    needed = _SIGMA_LOW * height / max(sigma, 1e-3)
    lines = _LINES * 2 ** max(0, ceil(log2(needed / _LINES)))
    factor = max(1.0, height / lines)
    low_width, low_height = max(1, round(width / factor)), max(1, round(height / factor))
    sigma_low = max(1e-3, sigma * low_height / height)
    kernel = cv2.getGaussianKernel(2 * int(np.ceil(3 * sigma_low)) + 1, sigma_low, cv2.CV_32F)
    return BlurPlan(low_width, low_height, np.asarray(kernel[:, 0], np.float32))


def room_weight(alpha: Alpha) -> Alpha:
    """1 in the room, 0 on the person, their soft outline and a cell around it."""
    dilated = cv2.dilate(alpha, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)
    return np.asarray((1 - dilated / PERSON_FROM).clip(0, 1), np.float32)


def blurred_room(pixels: Image, alpha: Alpha, sigma: float, out: Image | None = None) -> Image:
    """The frame without the person, blurred; the hole they leave is filled from around it.

    ``out`` takes the result where it has its shape."""
    height, width = alpha.shape
    plan = plan_blur(width, height, sigma)
    image = shrink(pixels, plan.width, plan.height)
    weight = room_weight(shrink(alpha, plan.width, plan.height))
    # Saturating conversion before the costly step: bytes are a quarter of the traffic.
    low = cv2.convertScaleAbs(_normalised_blur(image, weight, plan))
    wide = cv2.resize(low, (width, height), dst=out, interpolation=cv2.INTER_LINEAR)
    return np.asarray(wide, np.uint8)


def _normalised_blur(image: Image, weight: Alpha, plan: BlurPlan) -> Alpha:
    weights = cv2.merge([weight] * 3)
    weighted = cv2.multiply(image, weights, dtype=cv2.CV_32F)
    mean = (np.array(cv2.mean(weighted)[:3]) + FLOOR * 128) / (cv2.mean(weight)[0] + FLOOR)
    border = cv2.BORDER_REPLICATE
    numerator = cv2.sepFilter2D(weighted, -1, plan.kernel, plan.kernel, borderType=border)
    denominator = cv2.sepFilter2D(weight, -1, plan.kernel, plan.kernel, borderType=border)
    share = cv2.merge([denominator + np.float32(FLOOR)] * 3)
    return np.asarray(cv2.divide(numerator + (FLOOR * mean).astype(np.float32), share), np.float32)
