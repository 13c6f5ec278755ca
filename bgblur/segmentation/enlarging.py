"""``a * luma + b`` at a frame's size, from coefficients at a lower resolution: in the part of the
frame where it is not 0 throughout, and of a large frame in the tiles where it is neither 0 nor 1.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, gcd
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.buffers import Buffers
from bgblur.frame import Alpha, Image
from bgblur.imaging.tiled import TiledAlpha
from bgblur.imaging.tiles import SIDE, Tiles, corners, gathered, places_at, tiles_along

_FEW = 2**19  # pixels of a frame up to which no tiles are made: they have their price

_buffers = Buffers()

Part = tuple[slice, slice]  # of a plane: its rows and columns


class Side(NamedTuple):
    """One side of the frame, in ``cells`` of the low resolution and in ``pixels``."""

    cells: int
    pixels: int

    def widened(self, first: int, end: int) -> slice:
        """The cells from ``first`` to ``end``, and more until both are on edges of pixels."""
        step = self.cells // gcd(self.cells, self.pixels)
        return slice(max(0, first // step * step), min(self.cells, ceil(end / step) * step))

    def of(self, cells: slice) -> slice:
        """The pixels of ``cells``."""
        return slice(*(edge * self.pixels // self.cells for edge in (cells.start, cells.stop)))

    def between(self, pixels: Any) -> tuple[Any, Any, Any]:
        """The two cells between which bilinear interpolation finds each of the ``pixels``, and the
        share of the second."""
        at = ((pixels + 0.5) * (self.cells / self.pixels) - 0.5).clip(0, self.cells - 1)
        above = at.astype(np.intp)
        return above, np.minimum(above + 1, self.cells - 1), (at - above).astype(np.float32)


class Lines(NamedTuple):
    """``a`` and ``b`` for those ``cells`` of the frame, ``widened``, outside of which the result is
    0. It is 0 in their outermost pixels, too, more than a tile wide in a large frame, except at the
    frame's edges. ``down`` and ``across`` are the frame's sides."""

    a: Alpha
    b: Alpha
    cells: Part
    down: Side
    across: Side

    @property
    def part(self) -> Part:
        """These cells in pixels."""
        return self.down.of(self.cells[0]), self.across.of(self.cells[1])


def drawn(lines: Lines, image: Image) -> Alpha | TiledAlpha:
    """``a * luma + b`` for the luma of ``image`` (H, W, 3), within 0..1; tiled if it is large."""
    if image.shape[0] * image.shape[1] <= _FEW or min(image.shape[:2]) < SIDE:
        return _whole(lines, image)
    return _in_tiles(lines, image)


def _whole(lines: Lines, image: Image) -> Alpha:
    plane = _buffers.take(image.shape[:2], np.float32)
    rows, columns = lines.part
    plane[: rows.start], plane[rows.stop :] = 0, 0
    plane[rows, : columns.start], plane[rows, columns.stop :] = 0, 0
    inner = plane[rows, columns]
    if inner.size:
        size = inner.shape[::-1]
        a, b = cv2.resize(lines.a, size), cv2.resize(lines.b, size)
        np.copyto(inner, _applied(a, b, image[rows, columns]))
    return plane


def _applied(a: Alpha, b: Alpha, image: Image) -> Alpha:
    """Alpha in 0..1 from a, b (H, W) and the luma of ``image`` (H, W, 3)."""
    luma = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    made = cv2.multiply(a, luma, dst=a, dtype=cv2.CV_32F)
    cv2.add(made, b, dst=made)
    # numpy's clip takes twice as long.
    cv2.threshold(made, 1, 1, cv2.THRESH_TRUNC, dst=made)
    cv2.threshold(made, 0, 0, cv2.THRESH_TOZERO, dst=made)
    return made


def _in_tiles(lines: Lines, image: Image) -> TiledAlpha:
    height, width = image.shape[:2]
    inside, outline = _classified(lines)
    values = np.empty((SIDE, 0), np.float32)
    if outline.any():
        top, left = corners(outline, width, height)
        pixels = gathered(image, places_at(top + np.arange(SIDE)[:, None], left, width))
        values = _applied(*_enlarged(lines, top, left), pixels)
    return TiledAlpha((height, width), inside, outline, values).pruned()


def _classified(lines: Lines) -> tuple[Tiles, Tiles]:
    """The frame's tiles in which alpha is 1 whatever the luma, and those where it may be neither 0
    nor 1: by the values of a and b between which their pixels are interpolated."""
    white = 255 * lines.a + lines.b
    seen = np.maximum(lines.b, white) > 0
    # What is not a number must not count as the person.
    soft = ~(np.minimum(lines.b, white) >= 1)
    inside, outline = np.zeros(
        (2, tiles_along(lines.down.pixels), tiles_along(lines.across.pixels)), np.bool_
    )
    at, first, end = zip(
        *(
            _tiles(side, cells.start, cells.stop)
            for side, cells in zip((lines.down, lines.across), lines.cells, strict=True)
        ),
        strict=True,
    )
    some_seen, some_soft = (_counted(cells, first, end) > 0 for cells in (seen, soft))
    inside[at], outline[at] = ~some_soft, some_seen & some_soft
    return inside, outline


def _counted(cells: NDArray[np.bool_], first: Any, end: Any) -> NDArray[np.int32]:
    """The number of true ``cells`` that matter to each tile; ``first`` and ``end`` are as _tiles
    gives them for both sides."""
    sums = cv2.integral(cells.view(np.uint8))
    sums = sums.take(end[0], 0) - sums.take(first[0], 0)
    counted: NDArray[np.int32] = sums.take(end[1], 1) - sums.take(first[1], 1)
    return counted


@lru_cache(maxsize=64)
def _tiles(side: Side, start: int, stop: int) -> tuple[slice, NDArray[np.intp], NDArray[np.intp]]:
    """(the tiles along ``side`` that lie in the cells from ``start`` to ``stop``; the first and the
    end of those cells that matter to each of them, counted from ``start``)."""
    pixels = side.of(slice(start, stop))
    tiles = slice(pixels.start // SIDE, tiles_along(pixels.stop))
    first = np.minimum(SIDE * np.arange(tiles.start, tiles.stop), side.pixels - SIDE)
    above, end = side.between(first)[0], side.between(first + SIDE - 1)[1] + 1
    return tiles, (above - start).clip(0, stop - start), (end - start).clip(0, stop - start)


def _enlarged(lines: Lines, top: NDArray[np.intp], left: NDArray[np.intp]) -> tuple[Alpha, Alpha]:
    """a and b at the pixels of the tiles with these corners, (SIDE, n * SIDE) each, interpolated as
    ``cv2.resize`` does it for a whole frame."""
    above, below, share = lines.down.between(top + np.arange(SIDE)[:, None])
    (rows, _), (_, columns) = lines.cells, lines.part
    first = int(above.min())
    part = slice(first - rows.start, int(below.max()) + 1 - rows.start)
    width = lines.across.pixels  # of the plane; only the columns of the part are written
    shape = part.stop - part.start, width
    uppers, lowers = (places_at(row - first, left, width) for row in (above, below))
    share = np.repeat(share, SIDE, axis=1)

    def at_tiles(plane: Alpha) -> Alpha:
        wide = _buffers.take((lines.down.cells, width), np.float32)[: shape[0]]
        wide[:, columns] = cv2.resize(plane[part], (columns.stop - columns.start, shape[0]))
        made, lower = gathered(wide, uppers), gathered(wide, lowers)
        lower -= made
        lower *= share
        made += lower
        return made

    return at_tiles(lines.a), at_tiles(lines.b)
