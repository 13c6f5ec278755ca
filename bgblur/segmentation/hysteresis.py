"""Drops regions that hold no confident person pixel: hysteresis thresholding (Canny 1986).

A network sometimes gives furniture a medium alpha, but a person has a high alpha somewhere. A
connected region of alpha is kept whole if its peak is high, else it becomes 0, to prevent
background disclosure. A region that recently had a high peak is kept with a lower one, so that it
does not flicker; this has a time limit, or a chair that a person has left would stay visible.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.segmentation.smoothing import same_view

SEEN = 0.25  # low threshold: alpha above it belongs to a region; edges.firm makes the rest 0
CERTAIN = 0.95  # high threshold: the peak that a region must have
STAYS = 0.6  # the peak needed by a region that was kept a frame ago
OVERLAP = 0.5  # share of a region's cells that must have been kept a frame ago
LASTS = 90  # frames without a CERTAIN peak after which a region is dropped: three seconds
CELL = 4  # side of a cell in pixels; the decision is made on the largest alpha of each cell


class Hysteresis:
    """Takes arrays and tensors; the decision is made on a coarse grid, on the CPU."""

    def __init__(self) -> None:
        # For each cell, frames since its region's peak was CERTAIN; LASTS where none is kept.
        self._age: NDArray[np.int64] | None = None

    def __call__(self, alpha: Any, follows: bool = True, passed: int = 1) -> Any:
        """``alpha`` (h, w) in 0..1 without its dropped regions. Its frame is the one ``passed``
        frames after the last, or an unrelated picture if ``follows`` is false."""
        peaks = _peaks(alpha)
        seen = peaks > SEEN
        count, regions = cv2.connectedComponents(seen.view(np.uint8), connectivity=8)
        within = regions[seen]
        highest = np.zeros(count, np.float32)
        np.maximum.at(highest, within, peaks[seen])
        ages = np.where(highest >= CERTAIN, 0, LASTS)
        past = self._past(seen.shape) if follows else None
        if past is not None:
            age = past[seen]
            cells = np.bincount(within, minlength=count)
            known = np.bincount(within[age < LASTS], minlength=count)
            youngest = np.full(count, LASTS)
            np.minimum.at(youngest, within, age)
            stays = (highest >= STAYS) & (known >= OVERLAP * cells)
            ages = np.where(stays, np.minimum(ages, youngest + passed), ages)
        ages[0] = LASTS  # the background of connectedComponents
        self._age = ages[regions]
        kept = self._age < LASTS
        return alpha if kept.sum() == seen.sum() else alpha * _enlarged(kept, alpha)

    def reset(self) -> None:
        """Forget the frames before."""
        self._age = None

    def _past(self, shape: tuple[int, ...]) -> NDArray[np.int64] | None:
        """The ages a frame ago, for cells of this shape: the resolution may change. None without
        them, and for a picture of another shape."""
        age = self._age
        if age is None or not same_view(age.shape, shape):
            return None
        if age.shape == shape:
            return age
        size = shape[1], shape[0]
        nearest = cv2.resize(age.astype(np.float32), size, interpolation=cv2.INTER_NEAREST)
        return nearest.astype(np.int64)


def _peaks(alpha: Any) -> NDArray[np.float32]:
    """The largest alpha of each cell; cells at the right and lower edge may be smaller."""
    if isinstance(alpha, np.ndarray):
        largest = cv2.dilate(alpha, np.ones((CELL, CELL), np.uint8), anchor=(0, 0))
        return np.ascontiguousarray(largest[::CELL, ::CELL], np.float32)
    from torch.nn import functional as F

    cells = F.max_pool2d(alpha[None, None].float(), CELL, ceil_mode=True)[0, 0]
    peaks: NDArray[np.float32] = cells.cpu().numpy()
    return peaks


def _enlarged(kept: NDArray[np.bool_], alpha: Any) -> Any:
    """Cells to pixels, an array or a tensor as ``alpha``."""
    rows, columns = alpha.shape
    size = CELL * kept.shape[1], CELL * kept.shape[0]
    pixels = cv2.resize(kept.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)[:rows, :columns]
    return pixels if isinstance(alpha, np.ndarray) else alpha.new_tensor(pixels)
