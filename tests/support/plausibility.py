"""A room, somebody in it, the alpha of that, and a guard that watches both."""

from __future__ import annotations

import cv2
import numpy as np

from bgblur.frame import Alpha, Image
from bgblur.segmentation.motion import small_picture
from bgblur.segmentation.plausible import Plausibility, cells_of

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


class Watch:
    """A guard, and a clock that runs at the camera's rate."""

    def __init__(self) -> None:
        self.guard, self.now = Plausibility(), 100.0

    def __call__(self, image: Image, alpha: Alpha) -> str:
        self.now += 1 / RATE
        small = small_picture(image)
        return self.guard(cells_of(alpha, small)(), small, self.now)

    def run(self, image: Image, alpha: Alpha, seconds: float) -> list[str]:
        return [self(image, alpha) for _ in range(round(RATE * seconds))]


def sitting(watch: Watch, seconds: float = 2.0) -> Image:
    """Somebody sits in the room for some time; the picture."""
    image = seen(person(0.3), room())
    assert not any(watch.run(image, person(0.3), seconds))
    return image
