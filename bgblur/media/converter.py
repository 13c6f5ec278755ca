"""From decoded frames to upright pictures."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from bgblur.imaging.hdr import srgb_view
from bgblur.imaging.orientation import Orientation
from bgblur.imaging.pictures import over_white, to_8_bits, without_hidden_colour
from bgblur.media.hdr import ToneMapper, transfer_of
from bgblur.media.tags import colorspace_of, matrix_of

# Without ACCURATE_RND, swscale's fast path darkens every picture by two or three levels; without
# FULL_CHR_H_INT it still does by one, at a quarter of the cost.
_FAST = Interpolation.BILINEAR | Interpolation.ACCURATE_RND
_EXACT = _FAST | Interpolation.FULL_CHR_H_INT


class Converter:
    """Frames of any kind to pictures of ``size`` (width, height) as stored, then turned upright.

    ``fast`` ones may be a level darker. Transparent parts are over white, or with ``opacity`` kept.
    HDR is shown as SDR displays would, or with ``depth`` kept."""

    def __init__(
        self,
        size: tuple[int, int],
        orientation: Orientation,
        *,
        fast: bool,
        opacity: bool,
        depth: bool = False,
    ) -> None:
        self.transparent = False  # whether a picture had parts that were not opaque
        self._size = size
        self._orientation = orientation
        self._fast = fast
        self._how = _FAST if fast else _EXACT
        self._opacity, self._depth = opacity, depth
        self._tone_map = ToneMapper()
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> NDArray[Any]:
        """BGR (H, W, 3), or with ``opacity`` BGRA (H, W, 4), ``uint8``, or with ``depth``
        ``uint16``."""
        has_alpha = has_opacity(frame)
        transfer = None if self._depth else transfer_of(frame)
        if transfer and not (self._fast or has_alpha):
            frame, transfer = self._tone_map(frame), None
        deep = self._depth or transfer is not None
        bits = {False: ("bgr24", "bgra"), True: ("bgr48le", "bgra64le")}[deep]
        converted = self._reformatter.reformat(
            frame,
            *self._size,
            format=bits[has_alpha or self._opacity],
            src_colorspace=None if frame.format.is_rgb else colorspace_of(matrix_of(frame)),
            interpolation=self._how,
            threads=1,  # the encoder and the network need the other cores
        )
        picture: NDArray[Any] = converted.to_ndarray()
        if transfer:  # the tone mapping takes seconds to begin, and knows no opacity
            opacity = to_8_bits(picture)[..., 3:]
            picture = np.concatenate((srgb_view(picture[..., :3], transfer), opacity), axis=2)
        if has_alpha:
            pixels, cover = without_hidden_colour(picture)
            if cover is not None:
                self.transparent = True
                picture = np.dstack((pixels, cover))
            if not self._opacity:
                picture = pixels if cover is None else over_white(pixels, cover)
        return self._orientation.apply(picture)


def has_opacity(frame: av.VideoFrame) -> bool:
    """Whether the frame's format holds opacity, though all of it may be opaque."""
    return any(component.is_alpha for component in frame.format.components)
