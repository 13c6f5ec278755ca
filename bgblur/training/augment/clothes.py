"""Other clothes for the people in the pictures: some three thousand photos hold too few of them.

Below the neck a person may wear any colour and any pattern, the room's own included; a network that
has not seen it takes a dark or checked pullover for furniture. What is the person stays the person:
alpha does not change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bgblur.training.augment.patterns import Generator, Pattern

SHARE = 0.2  # of the pictures
SEAM = 0.03  # of the frame's height: from bare skin to full cover
_LONGEST = 0.2  # wave of a pattern, in frame heights


@dataclass(frozen=True)
class Clothes:
    """One draw, for pictures of any size."""

    neck: float  # where they begin: share of the person's height, from above
    opacity: float  # 0..1
    pattern: Pattern
    room: bool  # of what the picture shows half its width away, rather than of the pattern

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
    """``image`` BGR (H, W, 3), 0..255, its person (``alpha`` (H, W), 0..1) in clothes drawn from
    ``rng``; where there is nobody, ``image`` itself."""
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
