"""From a frame to its alpha at the network's resolution: inference, validation, hysteresis,
smoothing."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from bgblur.frame import Image
from bgblur.segmentation.engine import SLACK, Engine
from bgblur.segmentation.hysteresis import Hysteresis
from bgblur.segmentation.motion import small_picture
from bgblur.segmentation.smoothing import TemporalSmoother
from bgblur.segmentation.two_looks import dim_gain, found
from bgblur.stats import Stats

ROUNDED = 32  # columns: the network's input size is a multiple of 32


class Finder(Protocol):
    """Finds the person in a stream; it remembers the frames before. In a dim picture the network
    looks twice, see two_looks."""

    def __call__(
        self, image: Image, pixels: Any, smoothing: float, passed: int, small: Image | None = None
    ) -> Any:
        """Alpha (h, w), an array on the CPU and a tensor elsewhere. ``pixels`` is ``image`` on the
        engine's device, ``smoothing`` 0..1 the strength, ``passed`` the number of frames since the
        last call, ``small`` the frame's small picture if the caller has it.

        Raises RuntimeError when the engine fails or its output is not a valid alpha.
        """

    def reset(self) -> None:
        """Forget the frames before: the next one does not follow the last."""


class HostFinder:
    """Works on alpha on the processor, wherever it was computed."""

    def __init__(self, engine: Engine, stats: Stats) -> None:
        self._engine = engine
        self._stats = stats
        self._certain = Hysteresis()
        self._smooth = TemporalSmoother()

    def __call__(
        self, image: Image, pixels: Any, smoothing: float, passed: int, small: Image | None = None
    ) -> Any:
        with self._stats.stage("inference"):
            alpha = found(self._engine, pixels, dim_gain(image if small is None else small))
            check_alpha(alpha)
            check_shape(alpha, image)
        with self._stats.stage("smoothing"):
            alpha = self._certain(alpha, smoothing > 0, passed)
            if smoothing <= 0:
                self._smooth.reset()
                return alpha
            self._smooth.strength = smoothing
            return self._smooth(alpha, small_picture(image) if small is None else small, passed)

    def reset(self) -> None:
        self._certain.reset()
        self._smooth.reset()


def check_alpha(alpha: Any) -> None:
    """Raises RuntimeError unless ``alpha`` is a plane of values in 0..1: NaNs or logits would show
    the raw frame."""
    check_plane(alpha)
    low, high = float(alpha.min()), float(alpha.max())  # NaN if any value is
    if not np.isfinite(low + high):
        raise RuntimeError("the model gave values that are not numbers")
    if low < -SLACK or high > 1 + SLACK:
        raise RuntimeError(f"the model gave {low:.3g} to {high:.3g} instead of an alpha of 0 to 1")


def check_plane(alpha: Any) -> None:
    """Raises RuntimeError unless ``alpha`` is two-dimensional and not empty."""
    if alpha.ndim != 2 or 0 in alpha.shape:
        raise RuntimeError(f"the model gave a {tuple(alpha.shape)} array instead of an alpha plane")


def check_shape(alpha: Any, image: Image) -> None:
    """Raises RuntimeError where ``alpha`` has another aspect ratio than ``image``: a transposed
    alpha would show the room instead of the person."""
    rows, columns = alpha.shape
    expected = rows * image.shape[1] / image.shape[0]
    if abs(columns - expected) > ROUNDED + columns / 8:
        raise RuntimeError(f"the model gave {columns}x{rows} for a frame of another shape")
