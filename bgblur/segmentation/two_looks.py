"""Two looks of one engine at a picture: as it is, and another picture of the same scene, mirrored.

A network finds a little more on one side than on the other (test-time augmentation, as in
Krizhevsky et al., NIPS 2012, section 4.1). In the dark a sensor's noise makes it find people in
rooms; hardly ever the same ones in a brightened, mirrored picture.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from bgblur.frame import Image
from bgblur.segmentation.engine import SLACK, Engine

_WANTED, _MOST = 90.0, 12.0  # mean level of a brightened picture, and the greatest gain
_DIM = 2.0  # gain from which a picture counts as dim: up to a mean level of 45
_LINES = 90  # so many of a larger picture are looked at


def dim_gain(image: Image) -> float:
    """The gain that brightens ``image``, BGR ``uint8`` (H, W, 3), if it is dim; else 1."""
    step = max(1, min(image.shape[:2]) // _LINES)
    mean = sum(cv2.mean(np.ascontiguousarray(image[::step, ::step]))) / 3
    gain = min(_MOST, _WANTED / max(mean, 1.0))
    return gain if gain >= _DIM else 1.0


def found(engine: Engine, pixels: Any, gain: Any = 1.0) -> Any:
    """Alpha of ``pixels``, as ``Engine.infer`` gives it. A ``gain`` (a number or a tensor) other
    than the number 1 asks for two looks: the lesser alpha of ``pixels`` and of the brightened
    mirror image, so that the person is who is found in both. Raises RuntimeError as ``infer``
    does."""
    if isinstance(gain, float) and gain == 1:
        return engine.infer(pixels)
    return two_looks(engine, pixels, _brightened(pixels, gain), _least)


def mean_of_both(engine: Engine, pixels: Any) -> Any:
    """The mean of the alphas of ``pixels`` and of the mirror image."""
    return two_looks(engine, pixels, pixels, lambda alpha, other: (alpha + other) * 0.5)


def two_looks(engine: Engine, pixels: Any, others: Any, combined: Callable[[Any, Any], Any]) -> Any:
    """``combined`` of the alphas of ``pixels`` and ``others``, which is seen mirrored. What is no
    alpha in either stays so: a later check finds it."""
    alpha = engine.infer(pixels)
    if alpha.ndim != 2:
        return alpha  # which the caller refuses
    other = engine.infer(_mirrored(others))
    if other.shape != alpha.shape:
        raise RuntimeError("the model gave another shape for the mirrored picture")
    other = _mirrored(other)
    both = combined(alpha, other)  # NaN where either is
    return _where(_outside(alpha), alpha, _where(_outside(other), other, both))


def _brightened(pixels: Any, gain: Any) -> Any:
    if isinstance(pixels, np.ndarray):
        return cv2.convertScaleAbs(pixels, alpha=float(gain))
    return (pixels.float() * gain).clamp(0, 255).to(pixels.dtype)


def _least(alpha: Any, other: Any) -> Any:
    return np.minimum(alpha, other) if isinstance(alpha, np.ndarray) else alpha.minimum(other)


def _outside(alpha: Any) -> Any:
    return abs(alpha - 0.5) > 0.5 + SLACK


def _where(condition: Any, yes: Any, no: Any) -> Any:
    return np.where(condition, yes, no) if isinstance(yes, np.ndarray) else yes.where(condition, no)


def _mirrored(plane: Any) -> Any:
    """An array or a tensor (h, w) or (h, w, 3), its columns in the other order."""
    return cv2.flip(plane, 1) if isinstance(plane, np.ndarray) else plane.flip(1)
