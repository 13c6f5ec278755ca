"""The whole way from frame to alpha: engine, smoothing, edges."""

from __future__ import annotations

from typing import Any

import numpy as np

from bgblur.frame import Image
from bgblur.segmentation.engine import Engine
from bgblur.segmentation.options import MaskOptions
from bgblur.segmentation.smoothing import TemporalSmoother
from bgblur.stats import Stats


class Matting:
    """Applies one engine to frame after frame."""

    def __init__(self, engine: Engine, stats: Stats) -> None:
        self.engine = engine
        self._stats = stats
        self._smooth = TemporalSmoother()
        self._upsample = _upsampler(engine.device)

    def __call__(self, image: Image, options: MaskOptions) -> tuple[Any, Any]:
        """(pixels, alpha): the frame where the engine computes, and its alpha at its own size.

        Raises RuntimeError when the engine fails or what it gives is no alpha.
        """
        with self._stats.stage("upload"):
            pixels = self.engine.upload(image)
        with self._stats.stage("inference"):
            alpha = self.engine.infer(pixels)
            check_alpha(alpha)
        with self._stats.stage("smoothing"):
            self._smooth.strength = options.smoothing
            alpha = self._smooth(alpha)
        with self._stats.stage("edges"):
            alpha = self._upsample(alpha, pixels, options.refine_edges, options.feather)
        return pixels, alpha

    def reset(self) -> None:
        """The next frame does not follow the last."""
        self._smooth.reset()


def check_alpha(alpha: Any) -> None:
    """Raises RuntimeError unless ``alpha`` is a finite plane: a NaN would show the raw frame."""
    if alpha.ndim != 2 or 0 in alpha.shape:
        raise RuntimeError(f"the model gave a {tuple(alpha.shape)} array instead of an alpha plane")
    # A sum is finite only if every term is; it is one pass, without a temporary.
    if not np.isfinite(float(alpha.sum())):
        raise RuntimeError("the model gave values that are not numbers")


def _upsampler(device: str) -> Any:
    if device == "cpu":
        from bgblur.segmentation.edges import upsample
    else:
        from bgblur.segmentation.edges_torch import upsample  # type: ignore[assignment]
    return upsample
