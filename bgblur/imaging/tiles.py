"""Square parts of a picture, gathered into one small picture, worked on there, and put back.

The outline of a person fills a few hundredths of a frame. Its tiles stand side by side in one
array, so that each step is one call for all of them.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 8  # pixels of a tile

Tiles = NDArray[np.bool_]
"""Which tiles of a plane of (H, W) pixels are meant: ``bool`` (ceil(H / SIDE), ceil(W / SIDE))."""

Places = NDArray[np.intp]
"""Where the rows of tiles begin in a flattened plane: (side, n)."""


def tiles_along(length: int) -> int:
    return -(-length // SIDE)


def corners(tiles: Tiles, width: int, height: int, side: int = SIDE) -> tuple[Places, Places]:
    """The uppermost rows and leftmost columns of ``tiles`` in a plane of ``width`` x ``height``,
    both at least ``side``. Where tiles do not divide the plane, the last overlap those before."""
    down, across = np.nonzero(tiles)
    return np.minimum(down * side, height - side), np.minimum(across * side, width - side)


def places_of(tiles: Tiles, width: int, height: int, side: int = SIDE) -> Places:
    """For ``gathered`` and ``put``. In a plane that is smaller than the one that ``tiles`` were
    made for, ``side`` is smaller in proportion."""
    top, left = corners(tiles, width, height, side)
    places: Places = (top * width + left) + np.arange(0, side * width, width)[:, None]
    return places


def gathered(plane: NDArray[Any], places: Places, side: int = SIDE) -> NDArray[Any]:
    """The tiles at ``places`` of ``plane`` (H, W) or (H, W, C), side by side: (rows, n * side) or
    (rows, n * side, C). A copy."""
    taken = _runs(np.ascontiguousarray(plane), side)[places]
    return taken.view(plane.dtype).reshape(len(places), -1, *plane.shape[2:])


def put(plane: NDArray[Any], places: Places, tiles: NDArray[Any], side: int = SIDE) -> None:
    """Write ``tiles``, as ``gathered`` returns them, to their places in ``plane``, which is
    C-contiguous."""
    runs = _runs(plane, side)
    runs[places] = np.ascontiguousarray(tiles).reshape(len(places), -1).view(runs.dtype)


def enlarged(tiles: Tiles, side: int = SIDE) -> NDArray[np.uint8]:
    """0 and 1, ``side`` pixels for each of ``tiles``."""
    size = side * tiles.shape[1], tiles.shape[0]
    wide = cv2.resize(tiles.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return np.repeat(wide, side, axis=0)


def _runs(plane: NDArray[Any], side: int) -> NDArray[Any]:
    """A view of the ``side`` pixels that begin at each pixel, as one item."""
    pixel = plane.itemsize * int(np.prod(plane.shape[2:]))
    count = max(0, plane.shape[0] * plane.shape[1] - side + 1)
    return np.ndarray(count, f"V{side * pixel}", plane, strides=(pixel,))
