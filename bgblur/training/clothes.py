"""Other clothes for the people in the pictures: some three thousand photos hold too few of them.

Below the neck a person may wear any colour and any pattern, the room's own included; a network that
has not seen it takes a dark or checked pullover for furniture. They need not look real, only
differ (domain randomization, Tobin et al. 2017, arXiv:1703.06907). What is the person stays the
person: alpha does not change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Generator = np.random.Generator
SHARE = 0.2  # of the pictures
SEAM = 0.03  # of the frame's height: from bare skin to full cover
LIGHT = (0.25, 2.5)  # of a pixel, to the mean of its person: the least and the most
_LUMA = np.array([0.114, 0.587, 0.299], np.float32)  # of B, G, R


@dataclass(frozen=True)
class Clothes:
    """One draw, for pictures of any size."""

    neck: float  # where they begin: share of the person's height, from above
    opacity: float  # 0..1
    shading: float  # how much of the person's light and shade remains, 0..1
    colors: NDArray[np.float64]  # (2, 3) BGR, 0..255: of the stripes and between them
    # (2, 2): one row a set of stripes, across and down, in radians a frame's height; 0: no such set
    waves: NDArray[np.float64]
    sharpness: float  # of the stripes: a logistic function's slope
    room: bool  # of what the picture shows half its width away, rather than of the colours

    @staticmethod
    def draw(rng: Generator) -> Clothes:
        turns = rng.uniform(0, np.pi) + np.array([0, np.pi / 2])  # of two sets of stripes
        lengths = rng.uniform(0.02, 0.2, 2)  # of a wave, in frame heights
        # Plain, striped or checked.
        waves = np.stack([np.cos(turns), np.sin(turns)], 1) * (2 * np.pi / lengths)[:, None]
        waves[int(rng.integers(3)) :] = 0
        colors = rng.random((2, 3)) ** float(rng.uniform(0.7, 3))  # dark ones more often
        return Clothes(
            neck=float(rng.uniform(0.25, 0.6)),
            opacity=float(rng.uniform(0.5, 1.0)),
            shading=float(rng.uniform(0.3, 1.0)),
            colors=255 * (colors + rng.random() * (colors.mean(1, keepdims=True) - colors)),
            waves=waves,
            sharpness=float(rng.uniform(0.5, 6)),
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
        first, second = clothes.colors.astype(np.float32)
        cloth = first + (second - first) * _stripes(clothes, height, width)[..., None]
        luma = image @ _LUMA
        light = (luma / max(1.0, float(luma[body].mean()))).clip(*LIGHT)
        cloth = cloth * (1 + clothes.shading * (light - 1))[..., None]
    mixed = image + (cloth - image) * cover[..., None]
    return np.clip(mixed, 0, 255).astype(np.uint8)


def _stripes(clothes: Clothes, height: int, width: int) -> NDArray[np.float32]:
    """How much of the second colour, 0..1 (H, W): the mean of the sets of stripes, 0 if plain."""
    down, across = np.mgrid[:height, :width].astype(np.float32) / height
    waves = [np.sin(x * across + y * down) for x, y in clothes.waves if x or y]
    if not waves:
        return np.zeros((height, width), np.float32)
    soft = sum(1 / (1 + np.exp(-clothes.sharpness * wave)) for wave in waves) / len(waves)
    return np.asarray(soft, np.float32)
