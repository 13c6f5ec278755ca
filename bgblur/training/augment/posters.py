"""Pictures of people on walls and screens: posters, photographs, video calls. They are room.

Without them a network takes whoever hangs on the wall behind a person for one more person.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.training.augment.patterns import Generator

SHARE = 0.3  # of the rooms get a poster
_FRAMED = 0.7  # share of the posters with a border


@dataclass(frozen=True)
class Box:
    """Pixels of a rectangle; ``bottom`` and ``right`` are excluded. It may leave the picture."""

    top: int
    left: int
    bottom: int
    right: int

    def within(self, rows: int, columns: int) -> tuple[slice, slice]:
        """The part of it that is in a picture of this size."""
        return (
            slice(max(0, self.top), max(0, min(rows, self.bottom))),
            slice(max(0, self.left), max(0, min(columns, self.right))),
        )


@dataclass(frozen=True)
class Poster:
    """A randomly drawn poster, for pictures of any size."""

    center: NDArray[np.float64]  # down and across, shares of the picture's height and width
    height: float  # share of the picture's height
    aspect: float  # width by height
    border: float  # share of the poster's height
    color: NDArray[np.float64]  # of the border, three levels of 255
    gain: float  # of the light on the picture, or of the screen's

    @staticmethod
    def draw(rng: Generator) -> Poster:
        framed = rng.random() < _FRAMED
        return Poster(
            center=rng.uniform((0.1, 0.05), (0.7, 0.95)),
            height=float(np.exp(rng.uniform(np.log(0.15), np.log(0.55)))),
            aspect=float(np.exp(rng.uniform(np.log(0.6), np.log(1.8)))),
            border=float(rng.uniform(0.01, 0.08)) if framed else 0.0,
            color=rng.integers(0, 256, 3).astype(np.float64),
            gain=float(rng.uniform(0.6, 1.3)),
        )

    def boxes(self, rows: int, columns: int) -> tuple[Box, Box]:
        """The whole poster, and the picture within its border, in a frame of this size."""
        tall = max(4, round(self.height * rows))
        wide = max(4, round(tall * self.aspect))
        top = round(self.center[0] * rows - tall / 2)
        left = round(self.center[1] * columns - wide / 2)
        rim = min(round(self.border * tall), (min(tall, wide) - 1) // 2)
        whole = Box(top, left, top + tall, left + wide)
        return whole, Box(top + rim, left + rim, top + tall - rim, left + wide - rim)


def window(
    rows: int, columns: int, person: tuple[float, float], aspect: float
) -> tuple[float, float, float, float]:
    """(top, left, height, width) of the largest part of a photo that is ``aspect`` times as wide as
    high. ``person`` is (top, middle) of who is in it: the head stays in, in the middle.

    All are in pixels of the photo.
    """
    tall = min(rows, columns / aspect)
    wide = tall * aspect
    top = max(0.0, min(person[0] - 0.15 * tall, rows - tall))
    left = max(0.0, min(person[1] - wide / 2, columns - wide))
    return top, left, tall, wide


def hang(
    room: NDArray[np.uint8],
    poster: Poster,
    photo: NDArray[np.uint8],
    person: tuple[float, float],
) -> NDArray[np.uint8]:
    """Return ``room`` (BGR, (H, W, 3), 0..255) with ``photo`` on its wall; see ``window``."""
    whole, inner = poster.boxes(*room.shape[:2])
    tall, wide = inner.bottom - inner.top, inner.right - inner.left
    rows, columns = photo.shape[:2]
    top, left, h, w = (round(v) for v in window(rows, columns, person, wide / tall))
    part = photo[top : top + max(1, h), left : left + max(1, w)]
    shown = cv2.resize(part, (wide, tall), interpolation=cv2.INTER_AREA) * poster.gain
    hung = room.copy()
    hung[whole.within(*room.shape[:2])] = poster.color
    down, across = inner.within(*room.shape[:2])
    hung[down, across] = np.clip(
        shown[
            down.start - inner.top : down.stop - inner.top,
            across.start - inner.left : across.stop - inner.left,
        ],
        0,
        255,
    )
    return hung
