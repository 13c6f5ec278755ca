"""The foreground-excluded blur: its geometry, for all compositors, and its CPU implementation.

``background = G(w * I) / G(w)`` with ``w`` = 0 on the person (normalised convolution, Knutsson and
Westin 1993). So no colour of the person bleeds into the room, which would show as a shadow around
them. The result of a wide Gaussian has no fine detail, so it is computed at a resolution where
sigma is a few pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.compositing.lens import LensPlan, lens_blur, plan_lens
from bgblur.frame import Alpha, Image
from bgblur.imaging.resize import shrink
from bgblur.imaging.tiled import TiledAlpha

_SIGMA_LOW = 1.8  # smallest sigma at the low resolution, in pixels: below it upsampling is visible
# The low resolution has this many rows times a power of two, independent of the frame's size, so
# that the blur looks the same. 360 and 720 rows reach it by halving, which is fastest.
_ROWS = 45
# Weight of the room's mean colour, which fills places far from any visible room; and, within that
# mean, weight of grey, for frames where no room is visible.
FLOOR = 1e-3
PERSON_FROM = 0.05  # alpha from which a pixel has weight 0: it has too much of the person's colour


@dataclass(frozen=True)
class BlurPlan:
    """``width`` and ``height`` of the low resolution, and the Gaussian's 1-D ``kernel`` there."""

    width: int
    height: int
    kernel: NDArray[np.float32]

    @property
    def measured(self) -> tuple[int, int]:
        """(width, height) of the picture that is blurred."""
        return self.width, self.height


def plan_of(width: int, height: int, sigma: float, edge: float | None) -> BlurPlan | LensPlan:
    """The plan for blurring a frame of ``width`` x ``height`` by ``sigma`` pixels: the lens blur
    with ``edge``, the Gaussian where that is None."""
    if edge is None:
        return plan_blur(width, height, sigma)
    return plan_lens(width, height, sigma, edge)


def plan_blur(width: int, height: int, sigma: float) -> BlurPlan:
    """The plan for blurring a frame of ``width`` x ``height`` with ``sigma`` pixels."""
    needed = _SIGMA_LOW * height / max(sigma, 1e-3)
    rows = _ROWS * 2 ** max(0, ceil(log2(needed / _ROWS)))
    factor = max(1.0, height / rows)
    low_width, low_height = max(1, round(width / factor)), max(1, round(height / factor))
    sigma_low = max(1e-3, sigma * low_height / height)
    kernel = cv2.getGaussianKernel(2 * int(np.ceil(3 * sigma_low)) + 1, sigma_low, cv2.CV_32F)
    return BlurPlan(low_width, low_height, np.asarray(kernel[:, 0], np.float32))


def room_weight(alpha: Alpha) -> Alpha:
    """1 in the room; 0 on the person, their soft outline, and one pixel around it. ``float32``
    (h, w), as ``alpha``."""
    dilated = cv2.dilate(alpha, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)
    return np.asarray((1 - dilated / PERSON_FROM).clip(0, 1), np.float32)


def blurred_room(
    pixels: Image,
    alpha: Alpha | TiledAlpha,
    sigma: float,
    out: Image | None = None,
    edge: float | None = None,
) -> Image:
    """The frame ``pixels`` (H, W, 3) without the person of ``alpha`` (H, W), blurred by ``sigma``
    pixels; the person's place is filled from its surroundings. With ``edge`` it is the lens blur
    (``Look.edge``), whose discs spread light as far as the Gaussian does.

    The result is written to ``out`` if its shape fits."""
    height, width = alpha.shape
    # Converted to bytes before upsampling: that is a quarter of the memory traffic.
    low = cv2.convertScaleAbs(small_room(pixels, alpha, sigma, edge))
    wide = cv2.resize(low, (width, height), dst=out, interpolation=cv2.INTER_LINEAR)
    return np.asarray(wide, np.uint8)


def small_room(
    pixels: Image, alpha: Alpha | TiledAlpha, sigma: float, edge: float | None = None
) -> Alpha:
    """As ``blurred_room``, at the plan's low resolution: ``float32`` (h, w, 3)."""
    height, width = alpha.shape
    plan = plan_of(width, height, sigma, edge)
    half = None
    if isinstance(alpha, TiledAlpha):
        half, cover = alpha.half, alpha.shrunk(plan.width, plan.height)
    else:
        cover = shrink(alpha, plan.width, plan.height)
    return normalised_blur(shrink(pixels, *plan.measured, half=half), room_weight(cover), plan)


def normalised_blur(image: Any, weight: Alpha, plan: BlurPlan | LensPlan) -> Alpha:
    """``image``, of the size that the plan measures, in 0..255, blurred as if only places of
    ``weight`` (h, w) were there: ``float32`` (h, w, 3)."""
    if isinstance(plan, LensPlan):
        return lens_blur(image, weight, plan, FLOOR)
    weights = cv2.merge([weight] * 3)
    weighted = cv2.multiply(image, weights, dtype=cv2.CV_32F)
    mean = (np.array(cv2.mean(weighted)[:3]) + FLOOR * 128) / (cv2.mean(weight)[0] + FLOOR)
    border = cv2.BORDER_REPLICATE
    numerator = cv2.sepFilter2D(weighted, -1, plan.kernel, plan.kernel, borderType=border)
    denominator = cv2.sepFilter2D(weight, -1, plan.kernel, plan.kernel, borderType=border)
    share = cv2.merge([denominator + np.float32(FLOOR)] * 3)
    return np.asarray(cv2.divide(numerator + (FLOOR * mean).astype(np.float32), share), np.float32)
