"""The whole way from frame to alpha: engine, smoothing, edges."""

from __future__ import annotations

from typing import Any

import numpy as np

from bgblur.frame import Image
from bgblur.segmentation.engine import Engine
from bgblur.segmentation.hysteresis import Hysteresis
from bgblur.segmentation.options import MaskOptions
from bgblur.segmentation.smoothing import TemporalSmoother
from bgblur.stats import Stats

_ROUNDED = 32  # columns: networks take sizes that are multiples of 32
_SLACK = 0.01  # of half precision


class Matting:
    """Applies one engine to frame after frame."""

    def __init__(self, engine: Engine, stats: Stats) -> None:
        self.engine = engine
        self._stats = stats
        self._certain = Hysteresis()
        self._passed = 1  # frames from the last that was inferred to this one
        self._smooth = TemporalSmoother()
        self._upsample = _upsampler(engine.device)

    def __call__(self, image: Image, options: MaskOptions) -> tuple[Any, Any]:
        """(pixels, alpha): the frame where the engine computes, and its alpha at its own size.

        Raises RuntimeError when the engine fails or what it gives is no alpha.
        """
        with self._stats.stage("upload"):
            pixels = self.engine.upload(image)
        alpha = self._find(image, pixels, options)
        with self._stats.stage("edges"):
            alpha = self._upsample(alpha, pixels, options.refine_edges, options.feather)
        return pixels, alpha

    def reset(self) -> None:
        """The next frame does not follow the last."""
        self._certain.reset()
        self._smooth.reset()

    def _find(self, image: Image, pixels: Any, options: MaskOptions) -> Any:
        """Alpha at the network's resolution, of whom is certain, smoothed."""
        with self._stats.stage("inference"):
            alpha = self.engine.infer(pixels)
            check_alpha(alpha)
            check_shape(alpha, image)
        with self._stats.stage("smoothing"):
            alpha = self._certain(alpha, options.smoothing > 0, self._passed)
            self._smooth.strength = options.smoothing
            return self._smooth(alpha)


def check_alpha(alpha: Any) -> None:
    """Raises RuntimeError unless ``alpha`` is a plane of 0..1: a NaN, or logits in its place, would
    show the raw frame."""
    if alpha.ndim != 2 or 0 in alpha.shape:
        raise RuntimeError(f"the model gave a {tuple(alpha.shape)} array instead of an alpha plane")
    low, high = float(alpha.min()), float(alpha.max())  # a NaN comes through both
    if not np.isfinite(low + high):
        raise RuntimeError("the model gave values that are not numbers")
    if low < -_SLACK or high > 1 + _SLACK:
        raise RuntimeError(f"the model gave {low:.3g} to {high:.3g} instead of an alpha of 0 to 1")


def check_shape(alpha: Any, image: Image) -> None:
    """Raises RuntimeError where ``alpha`` would have to be stretched onto ``image``: turned on its
    side, it would show the room in the person's place."""
    rows, columns = alpha.shape
    expected = rows * image.shape[1] / image.shape[0]
    if abs(columns - expected) > _ROUNDED + columns / 8:
        raise RuntimeError(f"the model gave {columns}x{rows} for a frame of another shape")


def _upsampler(device: str) -> Any:
    if device == "cpu":
        from bgblur.segmentation.edges import upsample
    else:
        from bgblur.segmentation.edges_torch import upsample  # type: ignore[assignment]
    return upsample
