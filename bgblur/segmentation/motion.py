"""Whether anything moved since a frame: a still picture needs no second inference."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.frame import Image
from bgblur.imaging.resize import halved, shrink

ROWS = 90  # of the small pictures that are compared; a finger is about two pixels wide in them
_CELL = (3, 3)  # small pixels, averaged to reduce noise; a finger stays visible
_SIGMAS = 7.0  # threshold in standard deviations: above the maximum over tens of thousands of cells
_LEAST, _MOST = 2.0, 4.0  # bounds of the threshold in grey levels: noise must not hide a hand
_LIGHT = 0.03  # relative change of the whole picture's brightness that is not motion


def half_of(image: Image) -> Image | None:
    """``image`` at half its size, which several steps need; None where its sides are not even."""
    return halved(image) if image.shape[0] % 2 == image.shape[1] % 2 == 0 else None


def small_picture(image: Image, half: Image | None = None) -> Image:
    """BGR ``uint8`` (H, W, 3) to (90, w, 3) of the same aspect ratio. ``half`` is ``image`` at half
    its size, if the caller has it."""
    return shrink(image, small_width(*image.shape[:2]), ROWS, roughly=True, half=half)


def small_width(rows: int, columns: int) -> int:
    return max(16, round(ROWS * columns / rows))


class StillScene:
    """Compares small pictures with a reference, which ``keep`` sets.

    The reference is the same until the next ``keep``, so slow motion adds up and is detected.
    """

    def __init__(self) -> None:
        self._reference: NDArray[np.float32] | None = None

    def keep(self, small: Image) -> None:
        self._reference = _cells(small)

    def forget(self) -> None:
        self._reference = None

    def holds(self, small: Image) -> bool:
        """Whether ``small`` shows the same as the reference; false without a reference.

        The largest difference of all cells and channels is tested, not the mean, because a hand is
        small. The threshold is proportional to the noise, estimated by the median difference.
        """
        if self._reference is None:
            return False
        cells = _cells(small)
        if cells.shape != self._reference.shape:
            return False
        light = sum(cv2.mean(cells)) / max(1.0, sum(cv2.mean(self._reference)))
        light = min(max(light, 1 - _LIGHT), 1 + _LIGHT)
        lit = cv2.multiply(self._reference, (light,) * 4)
        most = cv2.norm(cells, lit, cv2.NORM_INF)
        if not _LEAST < most <= _MOST:
            return most <= _LEAST
        # Standard deviation of normal noise, from a quarter of the cells.
        noise = 1.48 * float(np.median(cv2.absdiff(cells, lit)[::2, ::2]))
        return most <= _SIGMAS * noise


def _cells(small: Image) -> NDArray[np.float32]:
    cells: NDArray[np.float32] = cv2.boxFilter(small, cv2.CV_32F, _CELL)
    return cells
