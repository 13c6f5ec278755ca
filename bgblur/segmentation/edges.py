"""Edge-aware upsampling of alpha from the network's resolution to the frame's.

The fast guided filter (He and Sun 2015, arXiv:1505.00996): in each window, alpha is modelled as
``a * luma + b``. The coefficients a and b are computed at low resolution in ``float32``, upsampled,
and applied to the full-resolution luma, in those tiles of the frame where the result is neither 0
nor 1.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.buffers import Buffers
from bgblur.frame import Alpha, Image
from bgblur.imaging.resize import halved, shrink
from bgblur.imaging.tiled import TiledAlpha
from bgblur.imaging.tiles import SIDE, Tiles, corners, gathered, places_of, tiles_along

EPSILON = 1e-2  # regularisation: luma variance (of 0..1) below which a window counts as flat
# Alpha below and above these becomes 0 and 1: low values in the room would show as a ghost image,
# and values below 1 on the person would make them translucent.
_BLACK, _WHITE = 0.25, 0.75
_GAIN = 1 / (_WHITE - _BLACK)
_FEW = 2**19  # pixels of a frame up to which the filter is applied to all: tiles have their price
_SPARE = 1.5  # times the rows of alpha that a half picture needs at least to be its guide

_buffers = Buffers()


def radius_of(rows: int) -> int:
    """The window's radius in low-resolution pixels, for an alpha ``rows`` high."""
    return max(1, round(rows / 64))


def upsample(alpha: Alpha, image: Image, refine: bool = True, feather: float = 0.0) -> Alpha:
    """``alpha`` (h, w) to the size of ``image`` (BGR ``uint8`` (H, W, 3)): ``float32`` (H, W).

    ``refine`` selects the guided filter, else bilinear interpolation; ``feather`` (0..1) is the
    amount of Gaussian blur before.
    """
    lines = _lines(alpha, image, refine, feather)
    if min(image.shape[:2]) < SIDE:
        return _whole(*lines, image)
    return np.asarray(_in_tiles(*lines, image))


def tiled(
    alpha: Alpha,
    image: Image,
    refine: bool = True,
    feather: float = 0.0,
    half: Image | None = None,
) -> TiledAlpha:
    """As ``upsample``, for an ``image`` of at least SIDE rows and columns. ``half`` is that image
    at half its size, if somebody has made it."""
    lines = _lines(alpha, image, refine, feather, half)
    if image.shape[0] * image.shape[1] <= _FEW:
        return replace(TiledAlpha.of(_whole(*lines, image)), half=half)
    return replace(_in_tiles(*lines, image), half=half)


def _whole(a: Alpha, b: Alpha, image: Image) -> Alpha:
    size, shape = (image.shape[1], image.shape[0]), image.shape[:2]
    luma = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY, dst=_buffers.take(shape, np.uint8))
    made = cv2.resize(a, size, dst=_buffers.take(shape, np.float32))
    cv2.multiply(made, luma, dst=made, dtype=cv2.CV_32F)
    cv2.add(made, cv2.resize(b, size, dst=_buffers.take(shape, np.float32)), dst=made)
    return _clipped(made)


def _in_tiles(a: Alpha, b: Alpha, image: Image) -> TiledAlpha:
    height, width = image.shape[:2]
    inside, outline = _classified(a, b, height, width)
    values = np.empty((SIDE, 0), np.float32)
    if outline.any():
        pixels = gathered(image, places_of(outline, width, height))
        enlarged = _Enlarging(outline, len(a), height, width)
        values = _applied(enlarged(a), enlarged(b), pixels)
    return TiledAlpha((height, width), inside, outline, values).pruned()


def _lines(
    alpha: Alpha, image: Image, refine: bool, feather: float, half: Image | None = None
) -> tuple[Alpha, Alpha]:
    """a and b (h, w) for each pixel of ``alpha``, for luma of 0..255, so that ``a * luma + b`` is
    alpha as ``firm`` makes it, but for the clipping."""
    rows, columns = alpha.shape
    if feather > 0:
        alpha = cv2.GaussianBlur(alpha, (0, 0), feather_sigma(feather, rows))
    a, b = np.zeros_like(alpha), alpha
    if refine:
        guide = np.multiply(_low_luma(image, columns, rows, half), 1 / 255, dtype=np.float32)
        a, b = _coefficients(alpha, guide, radius_of(rows))
    return a * np.float32(_GAIN / 255), (b - _BLACK) * np.float32(_GAIN)


def _low_luma(image: Image, columns: int, rows: int, half: Image | None) -> Any:
    """The luma of ``image`` at the size of alpha. ``half`` is halved as far as that goes, then
    interpolated: an area average takes as long as all the rest of the filter."""
    if half is None or len(half) < _SPARE * rows:
        return shrink(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), columns, rows, roughly=True)
    luma = cv2.cvtColor(half, cv2.COLOR_BGR2GRAY)
    while len(luma) >= 2 * rows and luma.shape[0] % 2 == luma.shape[1] % 2 == 0:
        luma = halved(luma)
    return cv2.resize(luma, (columns, rows))


def _applied(a: Alpha, b: Alpha, image: Image) -> Alpha:
    """Alpha in 0..1 from a, b (H, W) and the luma of ``image`` (H, W, 3)."""
    luma = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    made: Alpha = cv2.multiply(a, luma, dtype=cv2.CV_32F)
    made += b
    return _clipped(made)


def _clipped(plane: Alpha) -> Alpha:
    """``plane`` within 0..1, in place; numpy's clip takes twice as long."""
    cv2.threshold(plane, 1, 1, cv2.THRESH_TRUNC, dst=plane)
    cv2.threshold(plane, 0, 0, cv2.THRESH_TOZERO, dst=plane)
    return plane


def _classified(a: Alpha, b: Alpha, height: int, width: int) -> tuple[Tiles, Tiles]:
    """The tiles in which alpha is 1 whatever the luma, and those where it may be neither 0 nor 1:
    by the values of a and b between which their pixels are interpolated."""
    white = 255 * a + b
    seen = _counted(np.maximum(b, white) > 0, height, width) > 0
    # What is not a number must not count as the person.
    soft = _counted(~(np.minimum(b, white) >= 1), height, width) > 0
    return ~soft, seen & soft


def _counted(cells: NDArray[np.bool_], height: int, width: int) -> NDArray[np.int32]:
    """The number of true ``cells`` that matter to each tile."""
    sums = cv2.integral(cells.view(np.uint8))
    first, end = _cells(cells.shape[0], height)
    sums = sums.take(end, 0) - sums.take(first, 0)
    first, end = _cells(cells.shape[1], width)
    counted: NDArray[np.int32] = sums.take(end, 1) - sums.take(first, 1)
    return counted


@lru_cache(maxsize=16)
def _cells(count: int, length: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The first and the end of those of ``count`` cells that matter to each tile along
    ``length``."""
    first = np.minimum(SIDE * np.arange(tiles_along(length)), length - SIDE)
    above, _, _ = _between(first, count, length)
    return above, _between(first + SIDE - 1, count, length)[1] + 1


def _between(pixels: Any, count: int, length: int) -> tuple[Any, Any, Any]:
    """The two of ``count`` cells between which bilinear interpolation finds each of the ``pixels``
    along ``length``, and the share of the second."""
    at = ((pixels + 0.5) * (count / length) - 0.5).clip(0, count - 1)
    above = at.astype(np.intp)
    return above, np.minimum(above + 1, count - 1), (at - above).astype(np.float32)


class _Enlarging:
    """Bilinear interpolation of planes of ``rows`` rows at the pixels of the tiles of ``outline``:
    (h, w) to (SIDE, n * SIDE), as ``cv2.resize`` does it for a whole frame."""

    def __init__(self, outline: Tiles, rows: int, height: int, width: int) -> None:
        top, left = corners(outline, width, height)
        above, below, share = _between(top + np.arange(SIDE)[:, None], rows, height)
        self._width, self._first = width, int(above.min())
        self._rows = slice(self._first, int(below.max()) + 1)
        self._above, self._below = ((row - self._first) * width + left for row in (above, below))
        self._share = np.repeat(share, SIDE, axis=1)

    def __call__(self, plane: Alpha) -> Alpha:
        part = plane[self._rows]
        wide = _buffers.take((len(plane), self._width), np.float32)[: len(part)]
        cv2.resize(part, (self._width, len(part)), dst=wide)
        first, made = gathered(wide, self._above), gathered(wide, self._below)
        made -= first
        made *= self._share
        made += first
        return made


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
