"""Edge-aware upsampling of alpha from the network's resolution to the frame's.

The fast guided filter (He and Sun 2015, arXiv:1505.00996): in each window, alpha is modelled as
``a * luma + b``. The coefficients a and b are computed at low resolution in ``float32``, upsampled,
and applied to the full-resolution luma, where alpha is neither 0 nor 1 throughout.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from bgblur.frame import Alpha, Image
from bgblur.imaging.resize import halved, shrink
from bgblur.imaging.tiled import TiledAlpha
from bgblur.segmentation.enlarging import Lines, Part, Side, drawn

EPSILON = 1e-2  # regularisation: luma variance (of 0..1) below which a window counts as flat
# Alpha below and above these becomes 0 and 1: low values in the room would show as a ghost image,
# and values below 1 on the person would make them translucent.
_BLACK, _WHITE = 0.25, 0.75
_GAIN = 1 / (_WHITE - _BLACK)
_SPARE = 1.5  # times the rows of alpha that a half picture needs at least to be its guide

# Where alpha is lower than this throughout the windows, the result is 0 whatever the picture: a is
# at most 2.5 and b 3.5 times as much, and _BLACK is subtracted.
_NOTHING = 0.02


def radius_of(rows: int) -> int:
    """The window's radius in low-resolution pixels, for an alpha ``rows`` high."""
    return max(1, round(rows / 64))


def upsample(
    alpha: Alpha,
    image: Image,
    refine: bool = True,
    feather: float = 0.0,
    half: Image | None = None,
) -> Alpha:
    """``alpha`` (h, w) to the size of ``image`` (BGR ``uint8`` (H, W, 3)): ``float32`` (H, W).

    ``refine`` selects the guided filter, else bilinear interpolation; ``feather`` (0..1) is the
    amount of Gaussian blur before. ``half`` is ``image`` at half its size, if somebody has made it.
    """
    return np.asarray(drawn(_lines(alpha, image, refine, feather, half), image))


def tiled(
    alpha: Alpha,
    image: Image,
    refine: bool = True,
    feather: float = 0.0,
    half: Image | None = None,
) -> TiledAlpha:
    """As ``upsample``, for an ``image`` of at least SIDE rows and columns."""
    lines = _lines(alpha, image, refine, feather, half)
    return replace(TiledAlpha.of(drawn(lines, image)), half=half)


def _lines(
    alpha: Alpha, image: Image, refine: bool, feather: float, half: Image | None = None
) -> Lines:
    """a and b for luma of 0..255, so that ``a * luma + b`` is alpha as ``firm`` makes it, but for
    the clipping."""
    down, across = (Side(*pair) for pair in zip(alpha.shape, image.shape, strict=False))
    alpha = feathered(alpha, feather)
    radius = radius_of(down.cells) if refine else 0
    cells = around(alpha, down, across, radius)
    b = alpha[cells]
    a = np.zeros_like(b)
    if refine and b.size:
        luma = _low_luma(image, across.cells, down.cells, half)[cells]
        a, b = _coefficients(b, np.multiply(luma, 1 / 255, dtype=np.float32), radius)
    return Lines(a * np.float32(_GAIN / 255), (b - _BLACK) * np.float32(_GAIN), cells, down, across)


def around(alpha: Alpha, down: Side, across: Side, radius: int) -> Part:
    """The cells outside of which the result is 0, with windows of ``radius``."""
    left, top, width, height = cv2.boundingRect((alpha > _NOTHING).view(np.uint8))
    reach = 4 * radius + 1 if width else 0
    return (
        down.widened(top - reach, top + height + reach),
        across.widened(left - reach, left + width + reach),
    )


def _low_luma(image: Image, columns: int, rows: int, half: Image | None) -> Any:
    """The luma of ``image`` at the size of alpha. ``half`` is halved as far as that goes, then
    interpolated: an area average takes as long as all the rest of the filter."""
    if half is None or len(half) < _SPARE * rows:
        return shrink(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), columns, rows, roughly=True)
    luma = cv2.cvtColor(half, cv2.COLOR_BGR2GRAY)
    while len(luma) >= 2 * rows and luma.shape[0] % 2 == luma.shape[1] % 2 == 0:
        luma = halved(luma)
    return cv2.resize(luma, (columns, rows))


def feathered(alpha: Alpha, feather: float) -> Alpha:
    """``alpha`` blurred by the amount ``feather``, 0..1."""
    if feather <= 0:
        return alpha
    return cv2.GaussianBlur(alpha, (0, 0), feather_sigma(feather, len(alpha)))


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
