"""Plain and patterned walls, screens and curtains in rooms, with or without people.

The rooms of the training set hold few of them: a network that has not seen them takes a checked
pattern that fills the picture for a person.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bgblur.training.augment.patterns import Generator, Pattern

SHARE = 0.25  # of the rooms get a wall
_WHOLE = 0.4  # share of the walls that fill the picture
_LONGEST = 0.7  # longest wave of a pattern, in frame heights


@dataclass(frozen=True)
class Wall:
    """A randomly drawn wall, for pictures of any size."""

    top: float  # the four edges: shares of the picture's height and width
    left: float
    bottom: float
    right: float
    opacity: float  # 0..1
    pattern: Pattern

    @staticmethod
    def draw(rng: Generator) -> Wall:
        if rng.random() < _WHOLE:
            top, left, bottom, right = 0.0, 0.0, 1.0, 1.0
        else:
            tall, wide = rng.uniform(0.2, 1.0, 2)
            top, left = rng.uniform(0, (1 - tall, 1 - wide))
            bottom, right = top + tall, left + wide
        return Wall(
            float(top),
            float(left),
            float(bottom),
            float(right),
            opacity=min(1.0, float(rng.uniform(0.6, 1.3))),
            pattern=Pattern.draw(rng, _LONGEST),
        )


def paper(room: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """Return ``room`` (BGR, (H, W, 3), 0..255) with a wall drawn from ``rng``."""
    wall = Wall.draw(rng)
    rows, columns = ((np.arange(n) + 0.5) / n for n in room.shape[:2])
    down = (rows > wall.top) & (rows < wall.bottom)
    across = (columns > wall.left) & (columns < wall.right)
    where = down[:, None] & across
    if not where.any():
        return room
    cloth = wall.pattern.over(room, where)
    mixed = room + (cloth - room) * (where * np.float32(wall.opacity))[..., None]
    return np.clip(mixed, 0, 255).astype(np.uint8)
