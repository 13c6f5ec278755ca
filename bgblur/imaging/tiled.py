"""An alpha plane that keeps its values only along the outline: a plane of ``float32`` is the most
memory that a frame moves, and nearly all of it is 0 or 1."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.buffers import Buffers
from bgblur.frame import Alpha, Image
from bgblur.imaging.resize import shrink
from bgblur.imaging.tiles import (
    SIDE,
    Places,
    Tiles,
    enlarged,
    gathered,
    places_of,
    put,
    tiles_along,
)

_buffers = Buffers()


@dataclass(frozen=True)
class TiledAlpha:
    """Alpha of ``shape`` (H, W), each at least SIDE: 1 in the tiles ``inside``, ``values``
    (SIDE, n * SIDE) in the n tiles of ``outline``, 0 elsewhere. ``np.asarray`` gives the plane.

    ``half`` is the alpha's frame at half its size, if somebody has made it.
    """

    shape: tuple[int, int]
    inside: Tiles
    outline: Tiles
    values: Alpha
    half: Image | None = None

    @staticmethod
    def of(alpha: Any) -> TiledAlpha:
        """``alpha``, a plane or tiled already."""
        if isinstance(alpha, TiledAlpha):
            return alpha
        height, width = alpha.shape
        down, across = tiles_along(height), tiles_along(width)
        beyond = SIDE * down - height, SIDE * across - width
        whole = alpha
        if any(beyond):
            whole = cv2.copyMakeBorder(alpha, 0, beyond[0], 0, beyond[1], cv2.BORDER_REPLICATE)
        mean = shrink(whole, across, down)
        outline = (mean > 0) & (mean < 1)
        values = gathered(alpha, places_of(outline, width, height))
        return TiledAlpha((height, width), mean >= 1, outline, values)

    def pruned(self) -> TiledAlpha:
        """The same without tiles of the outline whose values are 0 everywhere, or 1."""
        if not self.values.size:
            return self
        # NumPy is fast down the rows, OpenCV along them.
        low, high = (
            cv2.reduce(of_columns.reshape(-1, SIDE), 1, how).ravel()
            for of_columns, how in (
                (self.values.min(axis=0), cv2.REDUCE_MIN),
                (self.values.max(axis=0), cv2.REDUCE_MAX),
            )
        )
        kept = ~((high <= 0) | (low >= 1))
        if kept.all():
            return self
        inside, outline = self.inside.copy(), self.outline.copy()
        inside[self.outline] = low >= 1
        outline[self.outline] = kept
        rows = self.values.view(f"V{SIDE * self.values.itemsize}")
        values = rows.take(np.flatnonzero(kept), axis=1).view(np.float32)
        return TiledAlpha(self.shape, inside, outline, values, self.half)

    @cached_property
    def places(self) -> Places:
        """Of the outline, in the plane."""
        return places_of(self.outline, self.shape[1], self.shape[0])

    def shrunk(self, width: int, height: int) -> Alpha:
        """The plane, averaged over areas to ``height`` x ``width``."""
        rows, columns = self.shape
        divides = rows % SIDE == columns % SIDE == 0
        for cell in (8, 4, 2):
            if divides and rows % (cell * height) == columns % (cell * width) == 0:
                return shrink(self._means(cell), width, height)
        return shrink(np.asarray(self), width, height)

    def coverage(self) -> Alpha:
        """The means of the tiles."""
        return self._means(SIDE)

    def _means(self, cell: int) -> Alpha:
        """The means of squares of ``cell`` pixels."""
        side = SIDE // cell
        means = enlarged(self.inside, side).astype(np.float32)
        if self.values.size:
            of_tiles = shrink(self.values, self.values.shape[1] // cell, side)
            places = places_of(self.outline, means.shape[1], means.shape[0], side)
            put(means, places, of_tiles, side)
        return means

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        plane = _buffers.take(self.shape, np.float32)
        plane[:] = enlarged(self.inside)[: self.shape[0], : self.shape[1]]
        put(plane, self.places, self.values)
        return plane if dtype is None else plane.astype(dtype, copy=False)
