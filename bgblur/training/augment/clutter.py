"""Lumps of cloth in rooms, in place of beds, chairs, laid tables, coats and cushions.

The rooms of the training set hold too few of them: a network that has not seen them takes rounded
cloth beside a person for a part of the person. A lump shows real clothes or a pattern.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bgblur.training.augment.patterns import Generator, Pattern

SHARES = (0.3, 0.15)  # shares of the rooms that get a lump, and that get one more
CLOTHES = (0.3, 0.6, 0.3, 0.7)  # top, bottom, left, right of the clothes in a person's box
SEAM = 0.04  # share of a lump's radius: width of its soft edge
_LONGEST = 0.3  # longest wave of a pattern, in frame heights
_PATTERNED = 0.5  # share of the lumps that are patterned


@dataclass(frozen=True)
class Lump:
    """A randomly drawn lump, for pictures of any size: a superellipse with a wavy outline."""

    center: NDArray[np.float64]  # down and across, shares of the picture's height and width
    radii: NDArray[np.float64]  # likewise
    power: float  # of the superellipse: 2 gives an ellipse, more gives a box
    waves: NDArray[np.float64]  # (3, 2): cosine and sine of 1, 2 and 3 waves around the outline
    opacity: float  # 0..1
    pattern: Pattern | None  # None: the lump shows real clothes

    @staticmethod
    def draw(rng: Generator) -> Lump:
        patterned = rng.random() < _PATTERNED
        return Lump(
            center=rng.uniform((0.25, 0), (1.1, 1)),
            radii=np.exp(rng.uniform(np.log(0.06), np.log(0.4), 2)),
            power=float(np.exp(rng.uniform(np.log(1.5), np.log(8)))),
            waves=rng.normal(0, 0.1, (3, 2)),
            opacity=min(1.0, float(rng.uniform(0.7, 1.3))),
            pattern=Pattern.draw(rng, _LONGEST) if patterned else None,
        )

    def cover(self, height: int, width: int) -> NDArray[np.float32]:
        """Opacity of the lump at each pixel, (height, width) in 0..1."""
        y, x = (
            ((np.arange(n, dtype=np.float32) + 0.5) / n - at) / radius
            for n, at, radius in zip((height, width), self.center, self.radii, strict=True)
        )
        far = (np.abs(y[:, None]) ** self.power + np.abs(x) ** self.power) ** (1 / self.power)
        turn = np.arctan2(y[:, None], x)
        outline = 1 + sum(
            c * np.cos(k * turn) + s * np.sin(k * turn) for k, (c, s) in enumerate(self.waves, 1)
        )
        return np.asarray(((outline - far) / SEAM).clip(0, 1) * self.opacity, np.float32)


def put(
    room: NDArray[np.uint8], lump: Lump, clothes: NDArray[np.uint8] | None
) -> NDArray[np.uint8]:
    """Return ``room`` (BGR, (H, W, 3), 0..255) with ``lump`` in it.

    A lump without a pattern shows ``clothes``, a picture of the same size. If that is None,
    ``room`` itself is returned.
    """
    cover = lump.cover(*room.shape[:2])
    where = cover > 0
    if lump.pattern is not None:
        cloth = lump.pattern.over(room, where) if where.any() else None
    else:
        cloth = None if clothes is None else clothes.astype(np.float32)
    if cloth is None:
        return room
    mixed = room + (cloth - room) * cover[..., None]
    return np.clip(mixed, 0, 255).astype(np.uint8)
