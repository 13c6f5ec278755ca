"""The lens blur: highlights become discs, as a camera's wide aperture makes them. Its geometry and
its curve, for all compositors, and its CPU implementation.

The room is gathered in linear light, where each place spreads over a disc. A camera clips what is
bright, so that a lamp counts no more than a sheet of paper; the brighter a place, the more the
curve adds to it again, and its inverse takes the same away afterwards. A room of one colour keeps
it. As in blur.py, the person has no weight, and all is done at a low resolution.

The disc's edge is as soft as the weakest Gaussian, which hides by itself: what that would hide is
gone before the disc is laid over it, so that the rings in a disc's spectrum show nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, sqrt
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.frame import Alpha

ROWS = 90  # of the low resolution; 720 and 1080 rows reach it by halving or nearly so
HIGHLIGHT = 0.75  # white counts 1 / (1 - HIGHLIGHT) times as much as in linear light
_FINER = 5  # samples a pixel, along each axis, of which the kernel is averaged


@dataclass(frozen=True)
class LensPlan:
    """``width`` and ``height`` of the low resolution, the 2-D ``kernel`` there, and the disc's
    ``radius`` in its pixels. ``measured`` is the (width, height) at which code values become light:
    averages of code values lose highlights."""

    width: int
    height: int
    measured: tuple[int, int]
    radius: float
    kernel: NDArray[np.float32]


@lru_cache(maxsize=16)
def plan_lens(width: int, height: int, sigma: float, edge: float) -> LensPlan:
    """The plan for a frame of ``width`` x ``height``: a disc that spreads light as far as a
    Gaussian of ``sigma`` pixels does, by its variance. ``edge`` is the sigma of its soft edge. The
    plan is shared: do not write to it."""
    factor = max(1.0, height / ROWS)
    low_width, low_height = max(1, round(width / factor)), max(1, round(height / factor))
    measured = 2 * low_width, 2 * low_height
    # Averaged to nearly its own size, noise is evened out in stripes, which light would show.
    if width < 1.5 * measured[0] or height < 1.5 * measured[1]:
        measured = width, height
    sigma_low = max(1e-3, sigma * low_height / height)
    edge_low = min(edge * low_height / height, sigma_low)
    radius = 2 * sqrt(sigma_low**2 - edge_low**2)  # a disc's variance along an axis is radius² / 4
    kernel = _soft_disc(radius, edge_low)
    kernel.setflags(write=False)
    return LensPlan(low_width, low_height, measured, radius, kernel)


def _soft_disc(radius: float, edge: float) -> NDArray[np.float32]:
    reach = ceil(radius + 3 * edge)
    side = (2 * reach + 1) * _FINER
    axis = (np.arange(side) - side // 2) / _FINER
    disc = (np.hypot(axis, axis[:, None]) <= max(radius, 0.5 / _FINER)).astype(np.float32)
    soft = cv2.GaussianBlur(disc, (0, 0), edge * _FINER, borderType=cv2.BORDER_CONSTANT)
    kernel = cv2.resize(soft, (2 * reach + 1,) * 2, interpolation=cv2.INTER_AREA)
    return np.asarray(kernel / kernel.sum(), np.float32)


def lens_blur(image: Any, weight: Alpha, plan: LensPlan, floor: float) -> Alpha:
    """``image``, of the size ``plan.measured``, in 0..255, blurred as if only places of ``weight``
    (h, w) were there: ``float32`` (h, w, 3), in 0..255. ``floor`` is FLOOR of blur.py."""
    light = cv2.resize(_light(image), (plan.width, plan.height), interpolation=cv2.INTER_AREA)
    weighted = cv2.multiply(light, cv2.merge([weight] * 3))
    grey = floor * float(from_code(np.float32(128 / 255)))
    mean = (np.array(cv2.mean(weighted)[:3]) + grey) / (cv2.mean(weight)[0] + floor)
    # By Fourier transforms: as fast for a disc of any size as three separable filters.
    planes = cv2.merge([*cv2.split(weighted), weight])
    *sums, share = cv2.split(cv2.filter2D(planes, -1, plan.kernel, borderType=cv2.BORDER_REPLICATE))
    sums = [
        np.maximum(plane, 0) + np.float32(floor * behind)  # OpenCV errs where the plane is 1x1
        for plane, behind in zip(sums, mean, strict=True)
    ]
    # Light is a sum by its share; the curve's inverse divides that by 1 + HIGHLIGHT * peak: both in
    # one division.
    peak = cv2.max(cv2.max(sums[0], sums[1]), sums[2])
    share = cv2.scaleAdd(peak, HIGHLIGHT, share + np.float32(floor))
    clipped = cv2.divide(cv2.merge(sums), cv2.merge([share] * 3))
    root = cv2.pow(clipped, 1 / 2.4)
    # sRGB's code values: below where they meet, the straight part lies over the curve.
    straight = np.minimum(clipped * np.float32(255 * 12.92), 255 * 12.92 * 0.0031308)
    return np.asarray(cv2.max(cv2.addWeighted(root, 255 * 1.055, root, 0, -255 * 0.055), straight))


def _light(image: Any) -> Alpha:
    """What ``image`` stands for: linear light, more of it where the camera has clipped."""
    if image.dtype == np.uint8:
        blue, green, red = cv2.split(image)
        gain = cv2.LUT(cv2.max(cv2.max(blue, green), red), _GAIN)
        return np.asarray(cv2.multiply(cv2.LUT(image, _LINEAR), cv2.merge([gain] * 3)), np.float32)
    linear = from_code(image / np.float32(255))
    return np.asarray(linear * gain_of(linear.max(axis=2, keepdims=True)), np.float32)


def gain_of(peak: Any) -> Any:
    """How many times as much a place counts whose brightest channel is ``peak``, linear, 0..1.

    The same for all channels, which keeps the hue. Its inverse is ``1 / (1 + HIGHLIGHT * peak)``
    of the result."""
    return 1 / (1 - HIGHLIGHT * peak)


def from_code(value: Any) -> Any:
    """sRGB's code values in 0..1 as linear light; array."""
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


_LINEAR = from_code(np.arange(256) / 255).astype(np.float32)
_GAIN = gain_of(_LINEAR).astype(np.float32)
