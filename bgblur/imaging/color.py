"""Colour formats of the outputs."""

from __future__ import annotations

import cv2

from bgblur.frame import Image


def even(image: Image) -> Image:
    """Padded by its own edge to even width and height, which 4:2:0 chroma needs."""
    rows, columns = image.shape[:2]
    if rows % 2 == 0 and columns % 2 == 0:
        return image
    return cv2.copyMakeBorder(image, 0, rows % 2, 0, columns % 2, cv2.BORDER_REPLICATE)


def to_i420(image: Image, out: Image | None = None) -> Image:
    """BGR ``(H, W, 3)`` to planar YUV 4:2:0 ``(H * 3 // 2, W)``, BT.601 limited range.

    Odd sizes are padded to even ones first. ``out`` takes the result where it has its shape.
    """
    return cv2.cvtColor(even(image), cv2.COLOR_BGR2YUV_I420, dst=out)


def is_i420(picture: Image) -> bool:
    """Whether ``picture`` is what ``to_i420`` gives, and not BGR."""
    return picture.ndim == 2


def from_i420(picture: Image) -> Image:
    """BGR ``(H, W, 3)`` of what ``to_i420`` gave, but for the chroma that was dropped."""
    return cv2.cvtColor(picture, cv2.COLOR_YUV2BGR_I420)
