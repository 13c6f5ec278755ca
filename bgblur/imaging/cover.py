"""Fitting a picture of any aspect ratio to the frame."""

from __future__ import annotations

import math

import cv2
import numpy as np

from bgblur.frame import Image

_MUCH = 8  # times the result's pixels: larger pictures are cropped before they are scaled


def cover(picture: Image, width: int, height: int) -> Image:
    """``picture`` (H, W, 3) scaled to fill ``width`` x ``height``, cropped around its centre."""
    rows, columns = picture.shape[:2]
    scale = max(width / columns, height / rows)
    w, h = max(width, round(columns * scale)), max(height, round(rows * scale))
    kept_rows = min(rows, math.ceil(height / scale))
    kept_columns = min(columns, math.ceil(width / scale))
    is_whole = (kept_rows, kept_columns) == (rows, columns)
    if w * h > _MUCH * width * height and not is_whole:
        # A long strip, such as a gradient: scaled as a whole it would take gigabytes.
        y, x = (rows - kept_rows) // 2, (columns - kept_columns) // 2
        return cover(picture[y : y + kept_rows, x : x + kept_columns], width, height)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(picture, (w, h), interpolation=way)
    y, x = (h - height) // 2, (w - width) // 2
    return np.ascontiguousarray(scaled[y : y + height, x : x + width])
