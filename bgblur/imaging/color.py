"""Conversion between BGR and the planar YUV that outputs take."""

from __future__ import annotations

from typing import Any

import cv2
from numpy.typing import NDArray

from bgblur.frame import Image


def even(image: Image) -> Image:
    """``image`` with its edge repeated to even width and height, which 4:2:0 chroma needs."""
    rows, columns = image.shape[:2]
    return padded(image, rows % 2, columns % 2)


def padded(image: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """``image`` (H, W, channels) with its last row and column repeated so many times more."""
    if rows == columns == 0:
        return image
    return cv2.copyMakeBorder(image, 0, rows, 0, columns, cv2.BORDER_REPLICATE)


def to_i420(image: Image, out: Image | None = None) -> Image:
    """BGR ``(H, W, 3)`` to planar YUV 4:2:0 ``(H * 3 // 2, W)``, BT.601 limited range.

    Odd sizes are padded to even ones first. The result is written to ``out`` if its shape fits.
    """
    return cv2.cvtColor(even(image), cv2.COLOR_BGR2YUV_I420, dst=out)


def is_i420(picture: Image) -> bool:
    """Whether ``picture`` is planar, as ``to_i420`` returns it, and not BGR."""
    return picture.ndim == 2


def from_i420(picture: Image) -> Image:
    """The inverse of ``to_i420``: BGR ``(H, W, 3)``, with subsampled chroma."""
    return cv2.cvtColor(picture, cv2.COLOR_YUV2BGR_I420)


def planes_of(planar: Image) -> tuple[Image, Image, Image]:
    """Views of Y (H, W), U and V (H / 2, W / 2) of an I420 picture, which is C-contiguous."""
    height, width = planar.shape[0] * 2 // 3, planar.shape[1]
    chroma = planar.reshape(-1)[height * width :].reshape(2, height // 2, width // 2)
    return planar[:height], chroma[0], chroma[1]
