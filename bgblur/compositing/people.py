"""Where the people of an alpha are: what auto-framing needs, and no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.frame import Alpha
from bgblur.imaging.resize import shrink
from bgblur.imaging.tiled import TiledAlpha
from bgblur.imaging.tiles import SIDE

_LEAST = 0.004  # share of the picture that a person covers at least
_AMONG = 0.2  # of the largest one's area: what is smaller is a hand, or a mistake
_HEAD = 0.3  # of the width: so much of a row is a head, not a raised hand


class Person(NamedTuple):
    """Left, right and top of a person, in picture heights from the upper left corner.

    Left and right are those of an even bar that has the same mean and spread: unlike the outermost
    pixels they do not jump with a hand. The top is that of the head."""

    left: float
    right: float
    top: float


def people_in(alpha: Any) -> Sequence[Person]:
    """The people of ``alpha`` (H, W), a plane, tiled, or a tensor. Touching ones count as one."""
    cells, side = _coarse(alpha)
    height = alpha.shape[0]
    count, labels = cv2.connectedComponents((cells > 0.5).view(np.uint8), connectivity=8)
    if count == 1:
        return []
    areas = np.bincount(labels.ravel(), minlength=count)[1:]
    least = max(_LEAST * cells.size, _AMONG * areas.max())
    return [
        _person(cells * (labels == label + 1) if count > 2 else cells, side / height)
        for label in np.flatnonzero(areas >= least)
    ]


def _person(cells: Alpha, cell: float) -> Person:
    """The one person in ``cells``, whose sides are ``cell``."""
    rows, columns = cells.shape
    across, down = cells.sum(axis=0), cells.sum(axis=1)
    mass = max(float(across.sum()), 1e-6)
    places = np.arange(columns) + 0.5
    mean = float(across @ places) / mass
    spread = float(across @ (places - mean) ** 2) / mass
    half = (3 * spread) ** 0.5  # an even bar's half width
    head = np.minimum(down / max(2 * _HEAD * half, 1e-6), 1)
    first = int(np.argmax(head >= 1)) if (head >= 1).any() else int(np.argmax(head))
    # Up to the first row that is wide enough, a row counts as far as it is.
    begin = max(0, first - 2)
    top = first - float(head[begin:first].sum())
    return Person((mean - half) * cell, (mean + half) * cell, min(top, rows) * cell)


def _coarse(alpha: Any) -> tuple[NDArray[np.float32], int]:
    """(the means of squares of so many pixels, that number)."""
    if isinstance(alpha, TiledAlpha):
        return alpha.coverage(), SIDE
    height, width = alpha.shape
    side = min(SIDE, height, width)
    if isinstance(alpha, np.ndarray):
        kept = alpha[: height // side * side, : width // side * side]
        cells = shrink(kept, width // side, height // side)
        return np.asarray(cells, np.float32), side
    from bgblur.compositing.people_torch import averaged

    return averaged(alpha, side), side
