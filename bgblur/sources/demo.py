"""A camera for machines without one: it moves over a public-domain portrait."""

from __future__ import annotations

import math
import time
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from bgblur.frame import Frame, Image
from bgblur.sources.pace import Pacer

_PERIOD = 12.0  # seconds until the movement repeats


class DemoSource:
    """Pans and sways over the photo of Eileen Collins (NASA, 1993) that scikit-image ships."""

    def __init__(self, width: int = 1280, height: int = 720, fps: float = 30.0) -> None:
        self.name = "demo picture"
        self.remark: str | None = None
        self.width, self.height, self.fps = width, height, fps
        # Nearly the whole width of the photo, framed as by a webcam, with a margin to sway in.
        self._scale = max(width / 464, height / 330)
        self._photo = _astronaut()
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


def _astronaut() -> Image:
    """Return ``skimage.data.astronaut()`` in BGR.

    The file is read directly: importing scikit-image and SciPy takes 0.2 seconds.
    """
    package = find_spec("skimage")
    for folder in (package.submodule_search_locations or []) if package is not None else []:
        photo: Image | None = cv2.imread(str(Path(folder) / "data" / "astronaut.png"))
        if photo is not None:
            return photo
    from skimage.data import astronaut  # another version may keep the file elsewhere

    return cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR)
