"""Alpha compositing, C = aF + (1 - a)B: copied where alpha is 1, computed along the outline."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from bgblur.frame import Alpha, Image
from bgblur.imaging.color import planes_of
from bgblur.imaging.tiled import TiledAlpha
from bgblur.imaging.tiles import SIDE, enlarged, gathered, places_of, put

_CHROMA = SIDE // 2  # side of a tile in the planes of I420's colours
_LEAST_ROWS = 240


def blend_over(picture: Image, pixels: Image, alpha: Alpha | TiledAlpha) -> None:
    """Composite ``pixels`` over ``picture``, in place; both BGR ``uint8`` (H, W, 3), ``alpha``
    (H, W). ``picture`` is C-contiguous.

    Where alpha is 1 the result equals ``pixels`` exactly, where it is 0 ``picture``.
    """
    if min(alpha.shape) < SIDE:
        plane = np.asarray(alpha)
        picture[:] = _blended(pixels, picture, plane)
        return
    tiled = TiledAlpha.of(alpha)
    if tiled.values.size:
        room = gathered(picture, tiled.places)
        tiles = _blended(gathered(pixels, tiled.places), room, tiled.values)
        put(picture, tiled.places, tiles)
    inside = enlarged(tiled.inside, SIDE)[: len(pixels), : pixels.shape[1]]
    cv2.copyTo(pixels, inside, picture)


def fits_planes(height: int, width: int) -> bool:
    """Whether ``blend_over_planes`` takes a frame of this size. In tiny ones the room has detail
    that matters to where a colour of two pixels is measured."""
    return height % SIDE == width % SIDE == 0 and height >= _LEAST_ROWS


def blend_over_planes(planar: Image, pixels: Image, alpha: TiledAlpha) -> None:
    """As ``blend_over``, over an I420 picture ``planar`` (H * 3 // 2, W): what
    ``color.to_i420`` gives of the composited picture, since colours are mixed in BGR."""
    height, width = alpha.shape
    planes = planes_of(planar)
    if alpha.values.size:
        chroma = places_of(alpha.outline, width // 2, height // 2, _CHROMA)
        places = alpha.places, chroma, chroma
        sides = SIDE, _CHROMA, _CHROMA
        room = np.empty((SIDE * 3 // 2, alpha.values.shape[1]), np.uint8)
        for part, plane, place, side in zip(planes_of(room), planes, places, sides, strict=True):
            part[:] = gathered(plane, place, side)
        tiles = gathered(pixels, alpha.places)
        mixed = _blended(tiles, cv2.cvtColor(room, cv2.COLOR_YUV2BGR_I420), alpha.values)
        strip = cv2.cvtColor(mixed, cv2.COLOR_BGR2YUV_I420)
        for part, plane, place, side in zip(planes_of(strip), planes, places, sides, strict=True):
            put(plane, place, part, side)
    _copy_inside(planes, pixels, alpha)


def _copy_inside(planes: tuple[Image, Image, Image], pixels: Image, alpha: TiledAlpha) -> None:
    """The tiles of alpha 1, from ``pixels`` to ``planes``."""
    down, across = (np.flatnonzero(alpha.inside.any(axis=axis)) for axis in (1, 0))
    if not len(down):
        return
    rows = slice(int(down[0]), int(down[-1]) + 1)
    columns = slice(int(across[0]), int(across[-1]) + 1)
    of_pixels = [slice(SIDE * part.start, SIDE * part.stop) for part in (rows, columns)]
    box = cv2.cvtColor(pixels[of_pixels[0], of_pixels[1]], cv2.COLOR_BGR2YUV_I420)
    inside = alpha.inside[rows, columns]
    luma, chroma = enlarged(inside, SIDE), enlarged(inside, _CHROMA)
    masks, sides = (luma, chroma, chroma), (SIDE, _CHROMA, _CHROMA)
    for plane, source, mask, side in zip(planes, planes_of(box), masks, sides, strict=True):
        down, across = source.shape
        target = plane[side * rows.start :, side * columns.start :][:down, :across]
        cv2.copyTo(source, mask, target)


def _blended(pixels: Image, room: Image, alpha: Alpha) -> Any:
    return cv2.blendLinear(pixels, room, alpha, 1 - alpha)
