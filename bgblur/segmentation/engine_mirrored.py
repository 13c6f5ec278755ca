"""The average of alpha and that of the mirrored picture, by any engine.

A network finds a little more on one side than on the other. The mean of both views halves what is
chance in that, for twice the time (test-time augmentation, as in Krizhevsky et al., NIPS 2012,
section 4.1).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from bgblur.segmentation.engine_within import EngineWithin
from bgblur.segmentation.finder import SLACK


class MirroredEngine(EngineWithin):
    """The engine within is asked twice for each picture."""

    def infer(self, pixels: Any) -> Any:
        alpha = self._engine.infer(pixels)
        if alpha.ndim != 2:
            return alpha  # which the caller refuses
        other = self._engine.infer(_mirrored(pixels))
        if other.shape != alpha.shape:
            raise RuntimeError("the model gave another shape for the mirrored picture")
        return _mean(alpha, _mirrored(other))


def _mean(alpha: Any, other: Any) -> Any:
    """A value that is no alpha in either stays one that is none, so that a later check finds it."""
    mean = (alpha + other) * 0.5  # NaN where either is
    return _where(_outside(alpha), alpha, _where(_outside(other), other, mean))


def _outside(alpha: Any) -> Any:
    return abs(alpha - 0.5) > 0.5 + SLACK


def _where(condition: Any, yes: Any, no: Any) -> Any:
    return np.where(condition, yes, no) if isinstance(yes, np.ndarray) else yes.where(condition, no)


def _mirrored(plane: Any) -> Any:
    """An array or a tensor (h, w) or (h, w, 3), its columns in the other order."""
    return cv2.flip(plane, 1) if isinstance(plane, np.ndarray) else plane.flip(1)
