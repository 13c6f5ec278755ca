"""The part of the camera's picture that is used, and which way up: turned, flipped, cropped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from bgblur.frame import Image

Rotation = Literal[0, 90, 180, 270]
Flip = Literal["none", "horizontal", "vertical"]

_TURNS = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}
_FLIPS = {"horizontal": 1, "vertical": 0}
# A crop's sides are multiples of this, as the fastest compositing needs them, unless it is so small
# that they would change its shape by more than 3 %, see ``canvas``.
_STEP, _SMALL = 16, 272


@dataclass(frozen=True)
class Geometry:
    """``rotate`` is in degrees, clockwise; then ``flip``. Of that picture the 1 / ``zoom`` of its
    width and height around ``center`` is used; ``center`` is (across, down) in fractions, and gives
    way at the edges: nothing outside the picture is ever used."""

    rotate: Rotation = 0
    flip: Flip = "none"
    zoom: float = 1.0
    center: tuple[float, float] = (0.5, 0.5)

    def turned(self, width: int, height: int) -> tuple[int, int]:
        """The size of a camera's picture once it is turned: that of the output. A zoom leaves it
        as it is.

        >>> Geometry(rotate=90, zoom=2).turned(1280, 720)
        (720, 1280)
        """
        return (height, width) if self.rotate in (90, 270) else (width, height)

    def apply(self, image: Image) -> Image:
        """The part of ``image`` (H, W, 3) to use; ``image`` itself where that is all of it, else
        C-contiguous."""
        if self.rotate == 0 and self.flip == "none" and self.zoom == 1:
            return image
        # Cropped first: the rest is then less to do.
        x, y, width, height = self._box(image.shape[1], image.shape[0])
        used = image[y : y + height, x : x + width]
        if self.rotate:
            used = np.asarray(cv2.rotate(used, _TURNS[self.rotate]), np.uint8)
        if self.flip != "none":
            used = np.asarray(cv2.flip(used, _FLIPS[self.flip]), np.uint8)
        return np.ascontiguousarray(used)

    def _box(self, columns: int, rows: int) -> tuple[int, int, int, int]:
        """(x, y, width, height) of the part in the camera's own picture."""
        across, down = self.turned(columns, rows)
        width, height = _cropped(across, down, self.zoom)
        x = min(max(0, round(self.center[0] * across - width / 2)), across - width)
        y = min(max(0, round(self.center[1] * down - height / 2)), down - height)
        if self.flip == "horizontal":
            x = across - width - x
        elif self.flip == "vertical":
            y = down - height - y
        return {
            0: (x, y, width, height),
            90: (y, rows - x - width, height, width),
            180: (columns - x - width, rows - y - height, width, height),
            270: (columns - y - height, x, height, width),
        }[self.rotate]


def _cropped(width: int, height: int, zoom: float) -> tuple[int, int]:
    """The size of a crop, in nearly the same shape."""
    if zoom == 1:
        return width, height
    least = min(width, height)
    step = _STEP if least / zoom >= _SMALL else 2
    side = max(step, step * round(least / zoom / step))
    sides = (max(step, step * round(side * each / least / step)) for each in (width, height))
    across, down = sides
    return min(width, across), min(height, down)
