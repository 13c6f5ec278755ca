"""What is nowhere certainly a person is no person: hysteresis thresholding (Canny 1986).

A network gives furniture a middling alpha in passing; a person it is sure of somewhere. Each
connected region of alpha stays whole where its peak is certain, and goes to 0 else, to prevent
background disclosure. For a while a region that was certain needs less to stay, so that it does not
come and go; but not for longer, or the chair that somebody left would be taken for them.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SEEN = 0.25  # alpha above which a pixel belongs to a region: edges.firm makes 0 of the rest
CERTAIN = 0.95  # the peak that a region must have
STAYS = 0.6  # and that of one which was there a frame ago
OVERLAP = 0.5  # of a region's cells that must have been there
LASTS = 90  # frames without certainty after which it goes all the same: three seconds
CELL = 4  # pixels a side, within which only the largest alpha counts


class Hysteresis:
    """Works on arrays and tensors alike; the decision is made on a coarse grid, on the CPU."""

    def __init__(self) -> None:
        # Of each cell: frames since its region was certain, LASTS where there is none.
        self._age: NDArray[np.int64] | None = None

    def __call__(self, alpha: Any, follows: bool = True, passed: int = 1) -> Any:
        """``alpha`` (h, w) in 0..1 of the next frame, or of one that ``passed`` frames later; not
        ``follows``: of an unrelated picture."""
        peaks = _peaks(alpha)
        seen = peaks > SEEN
        count, regions = cv2.connectedComponents(seen.view(np.uint8), connectivity=8)
        within = regions[seen]
        highest = np.zeros(count, np.float32)
        np.maximum.at(highest, within, peaks[seen])
        ages = np.where(highest >= CERTAIN, 0, LASTS)
        if follows and self._age is not None and self._age.shape == seen.shape:
            age = self._age[seen]
            cells = np.bincount(within, minlength=count)
            known = np.bincount(within[age < LASTS], minlength=count)
            youngest = np.full(count, LASTS)
            np.minimum.at(youngest, within, age)
            stays = (highest >= STAYS) & (known >= OVERLAP * cells)
            ages = np.where(stays, np.minimum(ages, youngest + passed), ages)
        ages[0] = LASTS  # what is in no region
        self._age = ages[regions]
        kept = self._age < LASTS
        return alpha if kept.sum() == seen.sum() else alpha * _enlarged(kept, alpha)

    def reset(self) -> None:
        """Forget the past: the scene was cut."""
        self._age = None


def _peaks(alpha: Any) -> NDArray[np.float32]:
    """The largest alpha of each cell; those at the right and lower edge may be smaller."""
    if isinstance(alpha, np.ndarray):
        largest = cv2.dilate(alpha, np.ones((CELL, CELL), np.uint8), anchor=(0, 0))
        return np.ascontiguousarray(largest[::CELL, ::CELL], np.float32)
    from torch.nn import functional as F

    cells = F.max_pool2d(alpha[None, None].float(), CELL, ceil_mode=True)[0, 0]
    peaks: NDArray[np.float32] = cells.cpu().numpy()
    return peaks


def _enlarged(kept: NDArray[np.bool_], alpha: Any) -> Any:
    """Cells to pixels, of the kind that ``alpha`` is."""
    rows, columns = alpha.shape
    size = CELL * kept.shape[1], CELL * kept.shape[0]
    pixels = cv2.resize(kept.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)[:rows, :columns]
    return pixels if isinstance(alpha, np.ndarray) else alpha.new_tensor(pixels)
