"""Temporal smoothing of alpha that adapts to motion.

An exponential mean whose weight follows the change, pixel by pixel, in the spirit of the 1-euro
filter (Casiez et al. 2012): a flicker of a few hundredths is averaged away, a hand that enters
passes at once.
"""

from __future__ import annotations

from typing import Any

_SETTLED = 0.05  # changes below this are taken for noise
_MOVING = 0.70  # changes above this are taken as they are


class TemporalSmoother:
    """``strength`` 0..1; 0 passes alpha through. Works on arrays and tensors alike."""

    def __init__(self, strength: float = 0.5) -> None:
        self.strength = strength
        self._previous: Any = None

    def __call__(self, alpha: Any) -> Any:
        """``alpha`` (h, w) of the next frame; a new size starts afresh."""
        if self._previous is None or self._previous.shape != alpha.shape or self.strength <= 0:
            self._previous = alpha
            return alpha
        self._previous = smoothed(alpha, self._previous, self.strength)
        return self._previous

    def reset(self) -> None:
        """Forget the past: the scene was cut."""
        self._previous = None


def smoothed(alpha: Any, previous: Any, strength: float) -> Any:
    """``alpha`` drawn towards that of the frame before, where little changed; arrays or tensors."""
    change = alpha - previous
    motion = ((abs(change) - _SETTLED) / (_MOVING - _SETTLED)).clip(0, 1)
    return alpha - 0.9 * strength * (1 - motion) * change
