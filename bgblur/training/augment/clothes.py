"""New clothes for the people in the training pictures.

Some three thousand photos show too few clothes: a network trained on them alone takes a dark or
checked pullover for furniture. Below the neck, the person gets a random colour or pattern, or a
part of the room. Alpha does not change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bgblur.training.augment.patterns import Generator, Pattern

SHARE = 0.2  # of the pictures get new clothes
SEAM = 0.03  # share of the frame's height: width of the transition from skin to clothes
_LONGEST = 0.2  # longest wave of a pattern, in frame heights


@dataclass(frozen=True)
class Clothes:
    """Randomly drawn clothes, for pictures of any size."""

    neck: float  # upper edge: share of the person's height, from the top
    opacity: float  # 0..1
    pattern: Pattern
    room: bool  # made of the picture itself, shifted by half its width, instead of the pattern

    @staticmethod
    def draw(rng: Generator) -> Clothes:
        return Clothes(
            neck=float(rng.uniform(0.25, 0.6)),
            opacity=float(rng.uniform(0.5, 1.0)),
            pattern=Pattern.draw(rng, _LONGEST),
            room=bool(rng.random() < 0.25),
        )


def dress(
    image: NDArray[np.uint8], alpha: NDArray[np.float32], rng: Generator
) -> NDArray[np.uint8]:
    """Return ``image`` (BGR, (H, W, 3), 0..255) with its person in clothes drawn from ``rng``.

    ``alpha`` (H, W) in 0..1 marks the person. Without a person, ``image`` itself is returned.
    """
    clothes = Clothes.draw(rng)
    height, width = alpha.shape
    body = alpha > 0.5
    rows = np.flatnonzero(body.any(1))
    if not len(rows):
        return image
    neck = rows[0] + clothes.neck * (rows[-1] + 1 - rows[0])
    down = np.arange(height, dtype=np.float32)
    cover = alpha * np.clip((down - neck) / (SEAM * height), 0, 1)[:, None] * clothes.opacity
    if clothes.room:
        cloth = np.roll(image, width // 2, axis=1).astype(np.float32)
    else:
        cloth = clothes.pattern.over(image, body)
    mixed = image + (cloth - image) * cover[..., None]
    return np.clip(mixed, 0, 255).astype(np.uint8)
