"""Reads a video's picture tags: colour matrix and range, the pixels' shape, the rotation."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import Colorspace

from bgblur.imaging.orientation import Orientation
from bgblur.media.side_data import side_data_of

RANGE_LIMITED, RANGE_FULL = 1, 2  # AVColorRange
_UNSPECIFIED = 2
_BT709, _BT601 = 1, 6  # AVColorSpace
_YUV_MATRICES = {_BT709, 4, 5, _BT601, 7, 9}  # 4 FCC, 5 BT.601 for PAL, 7 SMPTE 240M, 9 BT.2020


@dataclass(frozen=True)
class PictureTags:
    """How pixel values map to colours, as FFmpeg's enums number it, and the pixels' shape."""

    matrix: int
    range: int
    primaries: int = _UNSPECIFIED
    transfer: int = _UNSPECIFIED
    pixel_aspect: Fraction = Fraction(1)

    @classmethod
    def of(cls, frame: av.VideoFrame, pixel_aspect: Fraction) -> PictureTags:
        """The tags of ``frame``; where it has none or is not YUV, those that players assume."""
        full = frame.color_range == RANGE_FULL and not frame.format.is_rgb
        return cls(
            matrix=matrix_of(frame),
            range=RANGE_FULL if full else RANGE_LIMITED,
            primaries=frame.color_primaries,
            transfer=frame.color_trc,
            pixel_aspect=1 / pixel_aspect if orientation_of(frame).transpose else pixel_aspect,
        )


BT601 = PictureTags(_BT601, RANGE_LIMITED)
BT709 = PictureTags(_BT709, RANGE_LIMITED)
SDR = PictureTags(_BT709, RANGE_LIMITED, primaries=1, transfer=1)  # all of BT.709


def matrix_of(frame: av.VideoFrame) -> int:
    """AVColorSpace of ``frame``; without a tag BT.601 below 720 lines, else BT.709."""
    if frame.colorspace in _YUV_MATRICES:
        return frame.colorspace
    return _BT709 if frame.height >= 720 else _BT601


def colorspace_of(matrix: int) -> int:
    """The number that swscale has for an AVColorSpace."""
    return Colorspace.ITU601 if matrix == _BT601 else matrix


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """The turn that makes the picture upright, from the display matrix that phones write."""
    found = side_data_of(frame, Type.DISPLAYMATRIX)
    if found is None:
        return Orientation()
    # Row vectors: (x, y, 1) @ matrix is where the stored pixel (x, y) is to be shown.
    (a, b, _), (c, d, _), _ = np.frombuffer(bytes(found), np.int32).reshape(3, 3).tolist()
    if abs(b) > abs(a):
        return Orientation(transpose=True, mirror=c < 0, upend=b < 0)
    return Orientation(mirror=a < 0, upend=d < 0)
