"""Fast area averaging (``cv2.INTER_AREA``)."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_HALVABLE = 2.8, 4.0  # times the target's size that a picture is halved first
_SIGMA = (0.5 / math.log(4)) ** 0.5  # of the Gaussian that is [1 4 1] / 6


def shrink(
    plane: NDArray[Any],
    width: int,
    height: int,
    roughly: bool = False,
    half: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """``plane`` (H, W) or (H, W, C), averaged over areas. Where repeated halving gives the same
    result, it is used: OpenCV halves ten times as fast. ``half`` is ``halved(plane)``, if the
    caller has it.

    With ``roughly``, planes of at least four times the size are halved first and then interpolated
    (bilinear, by a factor below 2), so pixels on the border of two cells count a little for both.
    """
    rows, columns = plane.shape[:2]
    roughly = roughly and rows >= 4 * height and columns >= 4 * width

    def halves() -> bool:
        if rows % (2 * height) == columns % (2 * width) == 0:
            return True
        large = rows >= 2 * height and columns >= 2 * width
        return roughly and large and rows % 2 == columns % 2 == 0

    while halves():
        plane, half = halved(plane) if half is None else half, None
        rows, columns = plane.shape[:2]
    near = roughly and rows < 2 * height and columns < 2 * width
    how = cv2.INTER_LINEAR if near else cv2.INTER_AREA
    return cv2.resize(plane, (width, height), interpolation=how)


def antialiased(image: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """``uint8`` (H, W, C), resized as Pillow and torch do: bilinear, and a triangle as wide as two
    target pixels where it shrinks. The mean difference is about one level of 255.

    The picture is halved, blurred and interpolated, or, where that would be too sharp or too soft,
    averaged to twice the target size, blurred by [1 4 1] and halved: both have the variance of that
    triangle. OpenCV does each step in a fraction of the time of a general area average.
    """
    rows, columns = image.shape[:2]
    if rows <= height and columns <= width:
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    times = rows / height, columns / width
    if _HALVABLE[0] <= min(times) <= max(times) < _HALVABLE[1] and rows % 2 == columns % 2 == 0:
        down, across = (_softening(rest / 2) for rest in times)
        soft = cv2.sepFilter2D(halved(image), -1, across, down, borderType=cv2.BORDER_REPLICATE)
        return cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)
    while rows >= 4 * height and columns >= 4 * width:
        rows, columns = rows // 2, columns // 2
        image = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
    double = cv2.resize(image, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR)
    soft = cv2.GaussianBlur(double, (3, 3), _SIGMA, borderType=cv2.BORDER_REPLICATE)
    return cv2.resize(soft, (width, height), interpolation=cv2.INTER_AREA)


def _softening(times: float) -> NDArray[np.float32]:
    """Three taps after which a picture that was halved and is then interpolated to a ``times``
    smaller one has the variance of the triangle: what averaging two pixels (1/16) and interpolation
    (1/9, found by comparison) have already is taken off."""
    side = (times * times / 6 - 1 / 16 - 1 / 9) / 2
    return np.array([side, 1 - 2 * side, side], np.float32)


def halved(plane: NDArray[Any]) -> NDArray[Any]:
    """``plane``, of even width and height, at half its size."""
    size = plane.shape[1] // 2, plane.shape[0] // 2
    return cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
