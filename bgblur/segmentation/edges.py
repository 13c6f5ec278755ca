"""Edge-aware upsampling of alpha from the network's resolution to the frame's.

The fast guided filter (He and Sun 2015, arXiv:1505.00996): in each window, alpha is modelled as
``a * luma + b``. The coefficients a and b are computed at low resolution in ``float32``, upsampled,
and applied to the full-resolution luma.
"""

from __future__ import annotations

from math import gcd
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.buffers import Buffers
from bgblur.frame import Alpha, Image
from bgblur.imaging.resize import shrink

EPSILON = 1e-2  # regularisation: luma variance (of 0..1) below which a window counts as flat
# Alpha below and above these becomes 0 and 1: low values in the room would show as a ghost image,
# and values below 1 on the person would make them translucent.
_BLACK, _WHITE = 0.25, 0.75
_GAIN = 1 / (_WHITE - _BLACK)

Box = tuple[slice, slice]

_buffers = Buffers()


def radius_of(rows: int) -> int:
    """The window's radius in low-resolution pixels, for an alpha ``rows`` high."""
    return max(1, round(rows / 64))


def upsample(alpha: Alpha, image: Image, refine: bool = True, feather: float = 0.0) -> Alpha:
    """``alpha`` (h, w) to the size of ``image`` (BGR ``uint8`` (H, W, 3)): ``float32`` (H, W).

    ``refine`` selects the guided filter, else bilinear interpolation; ``feather`` (0..1) is the
    amount of Gaussian blur before.
    """
    rows, columns = alpha.shape
    shape, size = image.shape[:2], (image.shape[1], image.shape[0])
    if feather > 0:
        alpha = cv2.GaussianBlur(alpha, (0, 0), feather_sigma(feather, rows))
    full = _buffers.take(shape, np.float32)
    # ``firm`` is linear except for clipping, so the linear part is done at low resolution.
    if not refine:
        full = cv2.resize((alpha - _BLACK) * _GAIN, size, dst=full)
        return np.clip(full, 0, 1, out=full)
    luma = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY, dst=_buffers.take(shape, np.uint8))
    low = shrink(luma, columns, rows, roughly=True)
    guide = np.multiply(low, 1 / 255, dtype=np.float32)
    a, b = _coefficients(alpha, guide, radius_of(rows))
    a, b = a * (_GAIN / 255), (b - _BLACK) * _GAIN
    # Alpha is 0 where all cells around give 0 or less for the lowest and the highest luma:
    # typically in half of a frame.
    box = _box(np.maximum(b, 255 * a + b) > 0, shape)
    if box is None:
        full.fill(0)
        return full
    cells, pixels = box
    _clear_outside(full, pixels)
    part, offset = full[pixels], _buffers.take(shape, np.float32)[pixels]
    size = part.shape[1], part.shape[0]
    cv2.resize(a[cells], size, dst=part)
    cv2.multiply(part, luma[pixels], dst=part, dtype=cv2.CV_32F)
    cv2.add(part, cv2.resize(b[cells], size, dst=offset), dst=part)
    # numpy's clip takes three times as long on a view.
    cv2.threshold(part, 1, 1, cv2.THRESH_TRUNC, dst=part)
    cv2.threshold(part, 0, 0, cv2.THRESH_TOZERO, dst=part)
    return full


def _box(some: NDArray[np.bool_], shape: tuple[int, int]) -> tuple[Box, Box] | None:
    """(the bounding box of ``some``, extended by one cell on each side, the box of pixels that it
    covers exactly in a frame of ``shape``); None if no cell of ``some`` is true."""
    cells, pixels = [], []
    for axis in (0, 1):
        places = np.flatnonzero(some.any(axis=1 - axis))
        if not len(places):
            return None
        count, target = some.shape[axis], shape[axis]
        step = count // gcd(count, target)  # cells, after which a cell and a pixel end together
        first = max(0, places[0] - 1) // step * step
        last = min(count, -(-(places[-1] + 2) // step) * step)
        cells.append(slice(first, last))
        pixels.append(slice(first * target // count, last * target // count))
    return (cells[0], cells[1]), (pixels[0], pixels[1])


def _clear_outside(plane: Alpha, box: Box) -> None:
    down, across = box
    plane[: down.start] = 0
    plane[down.stop :] = 0
    plane[down, : across.start] = 0
    plane[down, across.stop :] = 0


def feather_sigma(feather: float, rows: int) -> float:
    """Sigma in pixels of the low resolution: a feather of 1 softens the outline over about a
    fiftieth of the height."""
    return max(1e-3, feather * rows / 100)


def firm(alpha: Any) -> Any:
    """``alpha`` stretched so that _BLACK.._WHITE becomes 0..1; an array or a tensor, in place."""
    alpha -= _BLACK
    alpha *= _GAIN
    return alpha.clip(0, 1)


def _coefficients(alpha: Alpha, luma: Alpha, radius: int) -> tuple[Alpha, Alpha]:
    """The window means of a and b (h, w): equations 5, 6 and 8 of He et al., PAMI 2013."""
    window = (2 * radius + 1, 2 * radius + 1)

    def mean(plane: Any) -> Alpha:
        return cv2.blur(plane, window, borderType=cv2.BORDER_REPLICATE)

    mean_luma, mean_alpha = mean(luma), mean(alpha)
    variance = mean(luma * luma) - mean_luma * mean_luma
    covariance = mean(luma * alpha) - mean_luma * mean_alpha
    a = covariance / (variance + EPSILON)
    b = mean_alpha - a * mean_luma
    return mean(a), mean(b)
