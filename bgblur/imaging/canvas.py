"""Putting a finished picture on the output's canvas: cropped, scaled, and with bars where it does
not fill the canvas.

Everything here is made from the finished picture alone, so that no bar and no edge can show more
of the room than that picture does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np

from bgblur.frame import Image
from bgblur.imaging.color import is_i420, planes_of, to_i420
from bgblur.imaging.resize import shrink

Fit = Literal["contain", "cover"]
Take = Callable[[tuple[int, int] | tuple[int, int, int], Any], Image]

_ODD = 0.03  # pictures whose shape differs by less are cropped: bars that thin look like a fault
# Of the bars: their picture has so few rows, and this sigma, twice that of the strongest blur.
_BAR_ROWS, _BAR_SIGMA = 36, 3.8
_ALIGNED = 0.02  # pixels
_COARSE = 1.6  # shrinking by less, interpolation takes a fifth of the time of averaging


class Crop(NamedTuple):
    """The part of a picture to show, as fractions of its width and height: left, top, width,
    height."""

    x: float
    y: float
    width: float
    height: float


WHOLE = Crop(0.0, 0.0, 1.0, 1.0)


class _Rect(NamedTuple):
    """In pixels."""

    x: float
    y: float
    width: float
    height: float

    def scaled(self, factor: float) -> _Rect:
        return _Rect(*(factor * value for value in self))

    def of_shape(self, ratio: float) -> _Rect:
        """The largest part around the centre whose width is ``ratio`` times its height."""
        width = min(self.width, self.height * ratio)
        height = min(self.height, self.width / ratio)
        x, y = self.x + (self.width - width) / 2, self.y + (self.height - height) / 2
        return _Rect(x, y, width, height)


@dataclass(frozen=True)
class Canvas:
    """The output's size in pixels, None for the camera's own, and how a picture of another shape
    is put on it. ``bars`` is their colour (BGR); None fills them with the blurred picture."""

    width: int | None = None
    height: int | None = None
    fit: Fit = "contain"
    bars: tuple[int, int, int] | None = None

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The output's (width, height), even, for a camera of this size. A side that is given
        alone has the other one in the shape of 16:9, which does not change with the camera.

        >>> Canvas(1920).size(640, 480), Canvas().size(641, 480)
        ((1920, 1080), (642, 480))
        """
        if self.width is not None or self.height is not None:
            width = self.width or round((self.height or 0) * 16 / 9)
            height = self.height or round(width * 9 / 16)
        return width + width % 2, height + height % 2


def fitted(
    picture: Image,
    width: int,
    height: int,
    canvas: Canvas,
    crop: Crop = WHOLE,
    take: Take = np.empty,
) -> Image:
    """``picture``, BGR or I420, at ``width`` x ``height`` (even), in the same format.

    It is ``picture`` itself where nothing has to be done. ``take`` gives the memory for the result.
    """
    planar = is_i420(picture)
    rows, columns = picture.shape[0] * 2 // 3 if planar else picture.shape[0], picture.shape[1]
    if crop == WHOLE and (columns, rows) == (width, height):
        return picture
    out = take((height * 3 // 2, width) if planar else (height, width, 3), np.uint8)
    source = _Rect(crop.x * columns, crop.y * rows, crop.width * columns, crop.height * rows)
    source, target = _placed(source, width, height, canvas.fit)
    planes = list(
        zip(planes_of(picture), planes_of(out), strict=True) if planar else [(picture, out)]
    )
    if (target.width, target.height) != (width, height):
        _fill_bars(planes, source, rows, canvas)
    for plane, made in planes:
        factor, at = len(plane) / rows, target.scaled(len(made) / height)
        top, left = round(at.y), round(at.x)
        inner = made[top : top + round(at.height), left : left + round(at.width)]
        _scale(plane, source.scaled(factor), inner)
    return out


def _placed(source: _Rect, width: int, height: int, fit: Fit) -> tuple[_Rect, _Rect]:
    """(the part of the picture that is shown, where on the canvas it is shown: even numbers)."""
    ratio, shape = width / height, source.width / source.height
    if fit == "cover" or abs(shape / ratio - 1) < _ODD:
        return source.of_shape(ratio), _Rect(0, 0, width, height)
    inner = _Rect(0, 0, width, height).of_shape(shape)
    w, h = max(2, 2 * round(inner.width / 2)), max(2, 2 * round(inner.height / 2))
    return source, _Rect((width - w) // 4 * 2, (height - h) // 4 * 2, w, h)


def _scale(plane: Image, source: _Rect, out: Image) -> None:
    """The part ``source`` of ``plane``, to the size of ``out`` and into it."""
    rows, columns = out.shape[:2]
    part = _part(plane, source)
    if part.shape[:2] == (rows, columns):
        np.copyto(out, part)
        return
    shrinks = max(part.shape[0] / rows, part.shape[1] / columns)
    way = cv2.INTER_AREA if shrinks > _COARSE else cv2.INTER_LINEAR
    scaled = cv2.resize(part, (columns, rows), dst=out, interpolation=way)
    if not np.shares_memory(scaled, out):
        np.copyto(out, scaled)


def _part(plane: Image, source: _Rect) -> Image:
    """``source`` of ``plane`` at its own size, in whole pixels. Its place is kept to fractions of a
    pixel: rounded, a slow move would go in steps."""
    width, height = max(1, round(source.width)), max(1, round(source.height))
    x, y = source.x + (source.width - width) / 2, source.y + (source.height - height) / 2
    if abs(x - round(x)) < _ALIGNED and abs(y - round(y)) < _ALIGNED:
        left = min(max(0, round(x)), plane.shape[1] - width)
        top = min(max(0, round(y)), plane.shape[0] - height)
        return plane[top : top + height, left : left + width]
    center = x + (width - 1) / 2, y + (height - 1) / 2
    return np.asarray(cv2.getRectSubPix(plane, (width, height), center), np.uint8)


def _fill_bars(planes: list[tuple[Image, Image]], source: _Rect, rows: int, canvas: Canvas) -> None:
    """Fill the canvas with what the bars show. They hide as the strongest blur does, and more,
    whatever the picture shows."""
    if canvas.bars is not None:
        color = np.full((2, 2, 3), canvas.bars, np.uint8)
        values = (
            [[c] for c in to_i420(color).ravel()[[0, 4, 5]]] if len(planes) > 1 else [color[0, 0]]
        )
        for (_, made), value in zip(planes, values, strict=True):
            made[:] = value
        return
    for plane, made in planes:
        height, width = made.shape[:2]
        part = _part(plane, source.scaled(len(plane) / rows).of_shape(width / height))
        low = shrink(part, max(1, round(_BAR_ROWS * width / height)), _BAR_ROWS, roughly=True)
        soft = cv2.GaussianBlur(low, (0, 0), _BAR_SIGMA, borderType=cv2.BORDER_REFLECT)
        wide = cv2.resize(soft, (width, height), dst=made, interpolation=cv2.INTER_LINEAR)
        if not np.shares_memory(wide, made):
            np.copyto(made, wide)
