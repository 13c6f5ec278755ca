"""Engines and clocks for tests of live matting."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from bgblur.frame import Alpha, Image
from bgblur.segmentation.engine_torch import TorchEngine
from bgblur.segmentation.live import LiveMatting
from bgblur.segmentation.options import MaskOptions
from bgblur.stats import Stats

SHARP = MaskOptions(refine_edges=False, smoothing=0.0)


class Bright:
    """Takes bright pixels for the person, and counts its inferences."""

    device, precision, input_height = "cpu", "fp32", 96

    def __init__(self) -> None:
        self.calls = 0
        self.fails = False
        self.certainty = 1.0

    def upload(self, image: Image) -> Any:
        return image

    def infer(self, pixels: Image) -> Alpha:
        self.calls += 1
        if self.fails:
            raise RuntimeError("no memory")
        width = 96 * pixels.shape[1] // pixels.shape[0]
        bright = (pixels.min(axis=2) > 200).astype(np.float32)
        return self.certainty * cv2.resize(bright, (width, 96), interpolation=cv2.INTER_AREA)


class Remembering:
    """Caches the alpha of each picture, for tests that compare two ways of using an engine."""

    def __init__(self, engine: TorchEngine) -> None:
        self._engine, self._known = engine, dict[bytes, Alpha]()
        self.device, self.precision = engine.device, engine.precision
        self.input_height = engine.input_height

    def upload(self, image: Image) -> Any:
        return image

    def infer(self, pixels: Image) -> Alpha:
        key = pixels.tobytes()
        if key not in self._known:
            self._known[key] = self._engine.infer(pixels)
        return self._known[key].copy()


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


class Plain(LiveMatting):
    """Gives alpha as a plane, not in tiles."""

    def __call__(self, image: Image, options: MaskOptions) -> tuple[Any, Any]:
        pixels, alpha = super().__call__(image, options)
        return pixels, np.asarray(alpha)


def live(engine: Any, clock: Any = None, skip: bool = True) -> LiveMatting:
    return Plain(engine, Stats(), None, skip, clock or Clock())


def iou(one: Alpha, other: Alpha) -> float:
    here, there = one > 0.5, other > 0.5
    return float((here & there).sum() / max(1, (here | there).sum()))
