"""The placeholder card, which the output shows when no other picture is safe to show."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from bgblur.frame import Image

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_GROUND, _INK = (46, 40, 36), (225, 220, 215)


@lru_cache(maxsize=12)
def card(width: int, height: int, text: str) -> Image:
    """A dark picture (height, width, 3) with a line of ``text``; read-only and shared."""
    picture = np.full((height, width, 3), _GROUND, np.uint8)
    (reach, _), _ = cv2.getTextSize(text, _FONT, 1.0, 2)
    scale = min(0.7 * width / max(1, reach), height / 360)
    (w, h), _ = cv2.getTextSize(text, _FONT, scale, 1)
    thickness = max(1, round(height / 360))
    origin = ((width - w) // 2, (height + h) // 2)
    cv2.putText(picture, text, origin, _FONT, scale, _INK, thickness, cv2.LINE_AA)
    picture.setflags(write=False)
    return picture
