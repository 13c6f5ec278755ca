"""Foreground colour estimation: the person's own colour F at soft edges, where the camera saw the
mixture C = aF + (1 - a)B.

The edge of hair before a bright window is bright; composited over a dark picture it would show as a
rim. As in blur fusion (Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021), F and B
are first estimated from nearby pixels that are certainly the person or the room; the residual is
then divided between the two. The estimates are smooth, so they are computed on a coarse grid, by
pull-push (Gortler et al., "The Lumigraph", SIGGRAPH 1996), which fills gaps of any width.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.compositing.blur import room_weight
from bgblur.frame import Alpha, Image

_GRID_LINES = 180  # samples along the frame's smaller side
_PERSON_FROM = 0.9  # alpha from which a sample has weight as the person's own colour
# The residual is divided in proportion to the variances. The room, out of focus and often a wall,
# varies less than the person, whose variance is 1. With a lower value, detail of the room would
# show where alpha is too high.
_ROOM_VARIANCE = 0.5


def grid_step(width: int, height: int) -> int:
    """Pixels between two samples."""
    return max(1, round(min(width, height) / _GRID_LINES))


def person_weight(alpha: Any) -> Any:
    """1 where a sample certainly shows only the person; array or tensor."""
    return ((alpha - _PERSON_FROM) / (1 - _PERSON_FROM)).clip(0, 1)


def unmix(mixed: Any, cover: Any, person: Any, room: Any) -> Any:
    """The person's colour F in ``mixed = cover * F + (1 - cover) * B``; arrays or tensors.

    Of all pairs F, B that satisfy the equation, it is of the one nearest to the estimates
    ``person`` and ``room``: least squares, weighted by the inverse variances 1 and
    ``1 / _ROOM_VARIANCE``.
    """
    rest = 1 - cover
    share = cover / (cover * cover + _ROOM_VARIANCE * rest * rest)
    return (person + share * (mixed - cover * person - rest * room)).clip(0, 255)


def guess_sides(pixels: Image, alpha: Alpha) -> Alpha | None:
    """Estimates of the person's and the room's colours, each extended over the whole frame, on a
    coarse grid: ``float32`` (h, w, 6).

    None where no pixel of the frame is certainly the person, or none certainly the room.
    """
    step = grid_step(*alpha.shape)
    grid = slice(step // 2, None, step)
    covers = np.ascontiguousarray(alpha[grid, grid])
    core = cv2.erode(covers, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)
    weights = person_weight(core), room_weight(covers)
    if not all(weight.any() for weight in weights):
        return None
    samples = np.ascontiguousarray(pixels[grid, grid])
    colors = cv2.cvtColor(samples, cv2.COLOR_BGR2BGRA).astype(np.float32)
    colors[..., 3] = 1
    return np.dstack([_pull_push(colors, weight)[..., :3] for weight in weights])


def sample(planes: Alpha, places: NDArray[np.intp], width: int, height: int) -> Alpha:
    """``planes`` (h, w, C), enlarged to ``width`` x ``height`` as with ``cv2.INTER_LINEAR``, at the
    flat indices ``places`` (N,): (N, C)."""
    rows, columns, channels = planes.shape
    y, x = np.divmod(places, width)
    top, down = _between(y, rows, height)
    left, right = _between(x, columns, width)
    cells = planes.reshape(-1, channels)
    corner = top * columns + left
    aside, below = np.where(left < columns - 1, 1, 0), np.where(top < rows - 1, columns, 0)
    upper = cells.take(corner, 0)
    upper += (cells.take(corner + aside, 0) - upper) * right
    lower = cells.take(corner + below, 0)
    lower += (cells.take(corner + below + aside, 0) - lower) * right
    return upper + (lower - upper) * down


def _between(places: NDArray[np.intp], cells: int, pixels: int) -> tuple[NDArray[np.intp], Alpha]:
    """(the cell before each pixel's centre (N,), the fraction of a cell from it (N, 1))."""
    at = ((places + 0.5) * (cells / pixels) - 0.5).clip(0, cells - 1)
    before = at.astype(np.intp)
    return before, (at - before).astype(np.float32)[:, None]


def _pull_push(colors: Alpha, weight: Alpha) -> Alpha:
    """``colors`` (h, w, 4), with a fourth channel of ones, where ``weight`` (h, w) is 1; elsewhere
    interpolated from their surroundings. The result has half the resolution."""
    level = cv2.multiply(colors, cv2.merge([weight] * 4))
    levels = [level]
    while max(level.shape[:2]) > 1:
        rows, columns = level.shape[:2]
        even = cv2.copyMakeBorder(level, 0, rows % 2, 0, columns % 2, cv2.BORDER_CONSTANT)
        half = ((columns + 1) // 2, (rows + 1) // 2)
        sums = 4 * cv2.resize(even, half, interpolation=cv2.INTER_AREA)
        level = sums / np.maximum(sums[..., 3:], 1)
        levels.append(level)
    filled = level / level[..., 3:]
    for level in levels[-2:0:-1]:
        rows, columns = level.shape[:2]
        double = (2 * filled.shape[1], 2 * filled.shape[0])
        wider = cv2.resize(filled, double, interpolation=cv2.INTER_LINEAR)[:rows, :columns]
        filled = level + (1 - level[..., 3:]) * wider
    return np.asarray(filled, np.float32)
