"""The types that travel down the pipeline."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""``uint8`` (H, W, 3), BGR."""

Alpha = NDArray[np.float32]
"""``float32`` (H, W) in 0..1; 1 is the person."""


def is_image(value: object) -> bool:
    """Whether ``value`` is an ``Image`` with at least one pixel."""
    return (
        isinstance(value, np.ndarray)
        and value.dtype == np.uint8
        and value.ndim == 3
        and value.shape[2] == 3
        and value.size > 0
    )


@dataclass(frozen=True)
class Frame:
    """A captured picture. ``index`` counts up from the opening of its source; ``captured`` is
    ``time.monotonic()`` at capture, in seconds.

    A live pipeline numbers the openings of its sources, and the user's orders: ``order`` is the
    newest at the time when the reading of this frame began, see ``pipeline.in_force``; ``view`` is
    the number of the geometry that it was cut with, and ``zoom`` how many times as high the
    camera's whole picture is.
    """

    image: Image
    index: int
    captured: float = field(default_factory=time.monotonic)
    opening: int = 0
    order: int = 0
    view: int = 0
    zoom: float = 1.0
