"""Fitting a picture of any shape to the frame."""

from __future__ import annotations

import cv2
import numpy as np

from bgblur.frame import Image


def cover(picture: Image, width: int, height: int) -> Image:
    """Scaled to fill ``width`` x ``height``, cut evenly where it is too long."""
    rows, columns = picture.shape[:2]
    scale = max(width / columns, height / rows)
    w, h = max(width, round(columns * scale)), max(height, round(rows * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(picture, (w, h), interpolation=way)
    y, x = (h - height) // 2, (w - width) // 2
    return np.ascontiguousarray(scaled[y : y + height, x : x + width])
