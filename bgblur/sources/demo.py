"""A camera for machines without one: it moves over a public-domain portrait."""

from __future__ import annotations

import math
import time
from pathlib import Path

import cv2
import numpy as np

from bgblur.errors import CameraError
from bgblur.frame import Frame, Image
from bgblur.sources.pace import Pacer

_PHOTO = Path(__file__).with_name("portrait.jpg")
_PERIOD = 12.0  # seconds until the movement repeats


class DemoSource:
    """Pans and sways over the photo of Eileen Collins (NASA, 1993) beside this file."""

    def __init__(self, width: int = 1280, height: int = 720, fps: float = 30.0) -> None:
        self.name = "demo picture"
        self.remark: str | None = None
        self.width, self.height, self.fps = width, height, fps
        # Nearly the whole width of the photo, framed as by a webcam, with a margin to sway in.
        self._scale = max(width / 464, height / 330)
        self._photo = _photo()
        self._pacer = Pacer(fps)
        self._index = 0

    def read(self) -> Frame:
        self._pacer.wait()
        frame = Frame(self.picture(self._index / self.fps), self._index, time.monotonic())
        self._index += 1
        return frame

    def picture(self, seconds: float) -> Image:
        """Return the picture at a time of the loop; the same time always gives the same picture."""
        turn = 2 * math.pi * seconds / _PERIOD
        angle = 2.0 * math.sin(2 * turn)
        scale = self._scale * (1 + 0.05 * math.sin(turn))
        centre = (240 + 12 * math.sin(turn), 136 + 4 * math.sin(3 * turn))
        move = cv2.getRotationMatrix2D(centre, angle, scale)
        move[:, 2] += np.array([self.width / 2 - centre[0], self.height / 2 - centre[1]])
        return cv2.warpAffine(
            self._photo, move, (self.width, self.height), borderMode=cv2.BORDER_REFLECT_101
        )

    def close(self) -> None:
        """Nothing to release."""


def _photo() -> Image:
    """NASA's portrait of Eileen Collins (S93-33098), in the public domain; BGR, 512x512."""
    photo: Image | None = cv2.imread(str(_PHOTO))
    if photo is None:
        raise CameraError(f"the demo's picture {_PHOTO} cannot be read: install bgblur again")
    return photo
