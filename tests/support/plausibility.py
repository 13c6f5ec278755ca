"""A room, somebody in it, and the alpha of that."""

from __future__ import annotations

import cv2
import numpy as np

from bgblur.frame import Alpha, Image

WIDTH, HEIGHT = 320, 180
RATE = 30.0
NO_ALPHA = np.zeros((96, 171), np.float32)


def room(seed: int = 1) -> Image:
    """Structure everywhere: blotches of several pixels."""
    coarse = np.random.default_rng(seed).integers(30, 220, (36, 64, 3), np.uint8)
    return cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.uint8)


def person(left: float, top: float = 0.3, wide: float = 0.35) -> Alpha:
    """A block from ``top`` down to the lower border; shares of the picture."""
    alpha = NO_ALPHA.copy()
    rows, columns = alpha.shape
    alpha[round(top * rows) :, round(left * columns) : round((left + wide) * columns)] = 1
    return alpha


def seen(alpha: Alpha, behind: Image, seed: int = 2) -> Image:
    """The picture in which ``alpha`` is true: other structure where the person is."""
    cover = cv2.resize(alpha, (WIDTH, HEIGHT))[..., None] > 0.5
    return np.where(cover, np.roll(room(seed), 3, axis=1), behind)
