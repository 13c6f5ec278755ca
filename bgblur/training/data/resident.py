"""Keeps a collection's pictures in the memory of the training device, to draw batches from.

A photo takes about a megabyte, all sets of the shipped models some five gigabytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from bgblur.training.data.sets import (
    Collection,
    Picture,
    Plane,
    cut_out,
    read_cutout,
    read_photo,
)

PHOTO_SIDE, CUTOUT_SIDE, ROOM_SIDE = 448, 256, 320  # pixels, side of the stored squares
RGB, ALPHA, WEIGHT, INNER = slice(0, 3), 3, 4, 5  # channels; INNER: alpha for cutting people out
_CELLS = 32  # side of the grid that counts the person's share of a window

_AT_ONCE = 256  # pictures read ahead: all of them would fill the host's memory

Integers = NDArray[np.int64]
Planes = NDArray[np.uint8]  # (H, W, C)


@dataclass(frozen=True)
class Bank:
    """Pictures of one kind, each in the upper left of a square; mirror images fill the rest.

    ``pixels``: ``uint8`` (N, C, side, side) in RGB, C is 3 (rooms) or 6. ``half``: the same at half
    the side. ``sizes`` (N, 2): rows and columns of each picture. ``boxes`` (N, 4): top, left,
    bottom, right of its person. ``sums`` (N, 33, 33): alpha summed up to each corner of a grid,
    as a share of the picture's area.
    """

    pixels: Tensor
    half: Tensor
    sizes: Integers
    boxes: Integers
    sums: NDArray[np.float64]

    def covered(self, index: int, top: float, left: float, bottom: float, right: float) -> float:
        """The person's share of a window of picture ``index``; edges are shares of its sides."""
        corners = [round(edge * _CELLS) for edge in (top, left, bottom, right)]
        y0, x0, y1, x1 = corners[0], corners[1], max(corners[2], 1), max(corners[3], 1)
        y0, x0 = min(y0, y1 - 1), min(x0, x1 - 1)
        total = self.sums[index]
        inside = total[y1, x1] - total[y0, x1] - total[y1, x0] + total[y0, x0]
        return float(inside) * _CELLS**2 / ((y1 - y0) * (x1 - x0))


@dataclass(frozen=True)
class Resident:
    """A whole collection. ``photos``: the indices in ``photo_bank`` of each set; ``clean``: of the
    photos whose people may be cut out."""

    photo_bank: Bank
    photos: dict[str, range]
    clean: list[int]
    cutouts: Bank | None
    rooms: Bank | None


def load_resident(collection: Collection, device: torch.device) -> Resident:
    """Load all pictures onto ``device``. Raises DataError if one cannot be read."""
    counted, photos = 0, {}
    for name, pictures in collection.photos.items():
        if pictures:
            photos[name] = range(counted, counted + len(pictures))
            counted += len(pictures)
    clean = set(collection.clean)
    return Resident(
        _bank(collection.all_photos, _read_photo, PHOTO_SIDE, device),
        photos,
        [index for index, photo in enumerate(collection.all_photos) if photo in clean],
        _bank(collection.cutouts, _read_cutout, CUTOUT_SIDE, device)
        if collection.cutouts
        else None,
        _bank(collection.rooms, _read_room, ROOM_SIDE, device) if collection.rooms else None,
    )


def _read_photo(picture: Picture) -> Planes:
    image, alpha, weight = read_photo(picture)
    return np.dstack([image[..., ::-1], *map(_bytes, (alpha, weight, cut_out(alpha)))])


def _read_cutout(picture: Picture) -> Planes:
    image, alpha = read_cutout(picture)
    whole = np.full_like(alpha, 1)
    return np.dstack([image[..., ::-1], *map(_bytes, (alpha, whole, alpha))])


def _read_room(picture: Picture) -> Planes:
    return np.ascontiguousarray(read_photo(picture)[0][..., ::-1])


def _bytes(plane: Plane) -> Planes:
    return np.round(plane * 255).astype(np.uint8)


def _bank(
    pictures: Sequence[Picture],
    read: Callable[[Picture], Planes],
    side: int,
    device: torch.device,
) -> Bank:
    sizes, boxes, sums = [], [], []
    pixels: Tensor | None = None
    with ThreadPoolExecutor() as pool:
        for number, planes in enumerate(_read_all(pool, pictures, read, side)):
            rows, columns, channels = planes.shape
            alpha = planes[..., ALPHA] if channels > ALPHA else np.zeros((rows, columns), np.uint8)
            sizes.append((rows, columns))
            boxes.append(_box(alpha))
            sums.append(_sums(alpha))
            square = _mirrored(planes, side)
            if pixels is None:
                shape = (len(pictures), channels, side, side)
                pixels = torch.empty(shape, dtype=torch.uint8, device=device)
            pixels[number] = torch.from_numpy(square.transpose(2, 0, 1).copy())
    assert pixels is not None, "an empty bank is None"
    half = torch.cat([F.avg_pool2d(part.float(), 2).round().byte() for part in pixels.split(64)])
    return Bank(pixels, half, np.array(sizes), np.array(boxes), np.array(sums))


def _read_all(
    pool: ThreadPoolExecutor,
    pictures: Sequence[Picture],
    read: Callable[[Picture], Planes],
    side: int,
) -> Iterator[Planes]:
    for first in range(0, len(pictures), _AT_ONCE):
        part = pictures[first : first + _AT_ONCE]
        yield from pool.map(lambda picture: _fitted(read(picture), side), part)


def _fitted(planes: Planes, side: int) -> Planes:
    """Shrink to fit a square of this side; smaller pictures stay as they are."""
    rows, columns = planes.shape[:2]
    scale = side / max(rows, columns)
    if scale >= 1:
        return planes
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    # A pixel mixed from judged and ignored ones is ignored.
    small = np.dstack(
        [cv2.resize(planes[..., i : i + 3], size, interpolation=cv2.INTER_AREA) for i in (0, 3)]
        if planes.shape[2] > ALPHA
        else [cv2.resize(planes, size, interpolation=cv2.INTER_AREA)]
    )
    if small.shape[2] > WEIGHT:
        small[..., WEIGHT] = np.where(small[..., WEIGHT] == 255, 255, 0)
    return np.asarray(small, np.uint8)


def _mirrored(planes: Planes, side: int) -> Planes:
    rows, columns = planes.shape[:2]
    down = np.pad(planes, ((0, side - rows), (0, 0), (0, 0)), "symmetric")
    return np.pad(down, ((0, 0), (0, side - columns), (0, 0)), "symmetric")


def _box(alpha: Planes) -> tuple[int, int, int, int]:
    ys, xs = np.nonzero(alpha > 127)
    if len(ys) == 0:
        return 0, 0, 0, 0
    return int(ys.min()), int(xs.min()), int(ys.max()) + 1, int(xs.max()) + 1


def _sums(alpha: Planes) -> NDArray[np.float64]:
    cells = cv2.resize(alpha, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA) / 255
    sums: NDArray[np.float64] = np.zeros((_CELLS + 1, _CELLS + 1))
    sums[1:, 1:] = cells.cumsum(0).cumsum(1) / _CELLS**2
    return sums
