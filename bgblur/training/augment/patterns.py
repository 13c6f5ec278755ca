"""Plain, striped, checked and chessboard cloth, for people and walls.

It does not need to look real, only to vary (domain randomization, Tobin et al. 2017,
arXiv:1703.06907).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Generator = np.random.Generator
SHADES = (0.25, 2.5)  # limits of a pixel's brightness, relative to the covered area's mean
LUMA = (0.299, 0.587, 0.114)  # weights of R, G, B (ITU-R BT.601)
_UPRIGHT = 0.4  # share of the patterns that are not rotated


@dataclass(frozen=True)
class Pattern:
    """A randomly drawn pattern, for pictures of any size."""

    colors: NDArray[np.float64]  # (2, 3) BGR in 0..255: of the stripes, and between them
    # (2, 2), one row per set of stripes: across and down, in radians per frame height; 0: no set
    waves: NDArray[np.float64]
    sharpness: float  # of the stripes: slope of a logistic function
    chess: bool  # two sets of stripes are combined by exclusive or, not averaged
    shading: float  # how much of the picture's light and shade remains, 0..1

    @staticmethod
    def draw(rng: Generator, longest: float) -> Pattern:
        """Draw a pattern with waves of up to ``longest`` frame heights."""
        turn = rng.uniform(0, np.pi) * (rng.random() >= _UPRIGHT)
        turns = turn + np.array([0, np.pi / 2])  # of two sets of stripes
        lengths = np.exp(rng.uniform(np.log(0.02), np.log(longest), 2))
        if rng.random() < 0.5:
            lengths[:] = lengths[0]
        waves = np.stack([np.cos(turns), np.sin(turns)], 1) * (2 * np.pi / lengths)[:, None]
        waves[int(rng.integers(3)) :] = 0  # plain, striped or checked
        colors = rng.random((2, 3)) ** float(rng.uniform(0.7, 3))  # dark colours more often
        return Pattern(
            colors=255 * (colors + rng.random() * (colors.mean(1, keepdims=True) - colors)),
            waves=waves,
            sharpness=float(np.exp(rng.uniform(np.log(0.5), np.log(30)))),
            chess=bool(rng.random() < 0.5),
            shading=float(rng.random()),
        )

    def over(self, image: NDArray[np.uint8], where: NDArray[np.bool_]) -> NDArray[np.float32]:
        """The cloth alone, (H, W, 3) in 0..255, lit as ``image`` (BGR) is at ``where`` (H, W)."""
        first, second = self.colors.astype(np.float32)
        cloth = first + (second - first) * self._stripes(*where.shape)[..., None]
        luma = image @ np.array(LUMA[::-1], np.float32)
        light = (luma / max(1.0, float(luma[where].mean()))).clip(*SHADES)
        return np.asarray(cloth * (1 + self.shading * (light - 1))[..., None], np.float32)

    def _stripes(self, height: int, width: int) -> NDArray[np.float32]:
        """Share of the second colour, (H, W) in 0..1; 0 for a plain pattern."""
        down, across = np.mgrid[:height, :width].astype(np.float32) / height
        soft = [
            1 / (1 + np.exp(-self.sharpness * np.sin(x * across + y * down)))
            for x, y in self.waves
            if x or y
        ]
        if not soft:
            return np.zeros((height, width), np.float32)
        if self.chess and len(soft) == 2:
            return np.asarray(soft[0] + soft[1] - 2 * soft[0] * soft[1], np.float32)
        return np.asarray(sum(soft) / len(soft), np.float32)
