"""Square parts of a picture, gathered into one small picture, worked on there, and put back.

The outline of a person fills a few hundredths of a frame. Its tiles stand side by side in one
array, so that each step is one call for all of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 8  # pixels of a tile

Tiles = NDArray[np.bool_]
"""Which tiles of a plane of (H, W) pixels are meant: ``bool`` (ceil(H / SIDE), ceil(W / SIDE))."""


class Places(NamedTuple):
    """Where the rows of tiles begin in a flattened plane, in units of ``step`` pixels: (side, n).

    The step is a tile's side where that divides the plane's width. Its rows of tiles are then items
    of one array, and NumPy takes them in a quarter of the time."""

    first: NDArray[np.intp]
    step: int


def tiles_along(length: int) -> int:
    return -(-length // SIDE)


def corners(
    tiles: Tiles, width: int, height: int, side: int = SIDE
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The uppermost rows and leftmost columns of ``tiles`` in a plane of ``width`` x ``height``,
    both at least ``side``. Where tiles do not divide the plane, the last overlap those before."""
    down, across = np.nonzero(tiles)
    return np.minimum(down * side, height - side), np.minimum(across * side, width - side)


def places_of(tiles: Tiles, width: int, height: int, side: int = SIDE) -> Places:
    """For ``gathered`` and ``put``. In a plane that is smaller than the one that ``tiles`` were
    made for, ``side`` is smaller in proportion."""
    top, left = corners(tiles, width, height, side)
    return places_at(top + np.arange(side)[:, None], left, width, side)


def places_at(
    rows: NDArray[np.intp], left: NDArray[np.intp], width: int, side: int = SIDE
) -> Places:
    """As ``places_of``, for tiles whose ``rows`` (side, n) need not follow each other. ``left`` is
    a multiple of ``side``, but at the right edge of a plane that ``side`` does not divide."""
    if width % side == 0:
        return Places(rows * (width // side) + left // side, side)
    return Places(rows * width + left, 1)


def gathered(plane: NDArray[Any], places: Places, side: int = SIDE) -> NDArray[Any]:
    """The tiles at ``places`` of ``plane`` (H, W) or (H, W, C), side by side: (rows, n * side) or
    (rows, n * side, C). A copy."""
    runs = _runs(np.ascontiguousarray(plane), side, places.step)
    taken = runs.take(places.first) if places.step == side else runs[places.first]
    return taken.view(plane.dtype).reshape(len(places.first), -1, *plane.shape[2:])


def put(plane: NDArray[Any], places: Places, tiles: NDArray[Any], side: int = SIDE) -> None:
    """Write ``tiles``, as ``gathered`` returns them, to their places in ``plane``, which is
    C-contiguous."""
    runs = _runs(plane, side, places.step)
    items = np.ascontiguousarray(tiles).reshape(len(tiles), -1).view(runs.dtype)
    if places.step == side:
        runs.put(places.first, items)
    else:
        runs[places.first] = items


def enlarged(tiles: Tiles, side: int = SIDE) -> NDArray[np.uint8]:
    """0 and 1, ``side`` pixels for each of ``tiles``."""
    size = side * tiles.shape[1], tiles.shape[0]
    wide = cv2.resize(tiles.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return np.repeat(wide, side, axis=0)


def _runs(plane: NDArray[Any], side: int, step: int) -> NDArray[Any]:
    """A view of the ``side`` pixels that begin at every ``step``th pixel, as one item."""
    pixel = plane.itemsize * int(np.prod(plane.shape[2:]))
    count = max(0, plane.shape[0] * plane.shape[1] - side + step) // step
    return np.ndarray(count, f"V{side * pixel}", plane, strides=(step * pixel,))
