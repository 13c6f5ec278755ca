"""From pictures to the frames that an encoder takes."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from av.filter import Graph
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from bgblur.media.deinterlace import buffer_for
from bgblur.media.tags import PictureTags, colorspace_of

# Bilinear is exact enough for halving the chroma; the flags keep swscale from rounding down.
_EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP
_STORED = {(3, 1): "bgr24", (4, 1): "bgra", (3, 2): "bgr48le", (4, 2): "bgra64le"}


class ToYuv:
    """BGR or BGRA pictures, ``uint8`` or ``uint16`` (H, W, 3 or 4), in ``pixel_format``."""

    def __init__(self, pixel_format: str, tags: PictureTags) -> None:
        self._format = pixel_format
        self._tags = tags
        self._reformatter = VideoReformatter()
        self._marker: Graph | None = None

    def __call__(
        self, picture: NDArray[Any], captions: av.VideoFrame | None = None
    ) -> av.VideoFrame:
        """With ``captions``, the frame has the closed captions that are attached to that one."""
        stored = _STORED[picture.shape[2], picture.dtype.itemsize]
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=stored)
        made = self._reformatter.reformat(
            frame,
            format=self._format,
            dst_colorspace=colorspace_of(self._tags.matrix),
            dst_color_range=self._tags.range,
            interpolation=_EXACT,
            threads=1,
        )
        return made if captions is None else _captioned(made, captions)

    def woven(
        self,
        first: NDArray[Any],
        second: NDArray[Any],
        top_first: bool,
        captions: av.VideoFrame | None = None,
    ) -> av.VideoFrame:
        """One interlaced frame of two whole pictures, a moment apart: of each, the lines of its
        field. The fields are converted one by one, so that their chroma does not mix."""
        top, bottom = (first, second) if top_first else (second, first)
        fields = self(top[0::2]), self(bottom[1::2])
        height, width = first.shape[:2]
        whole = av.VideoFrame(width, height, self._format)
        for target, *lines in zip(whole.planes, *(field.planes for field in fields), strict=True):
            rows = np.empty((target.height, target.line_size), np.uint8)
            for parity, plane in enumerate(lines):
                stored = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
                count = min(plane.line_size, target.line_size)
                rows[parity::2, :count] = stored[:, :count]
            target.update(rows.tobytes())
        if captions is not None:
            whole = _captioned(whole, captions)
        return self._marked(whole, top_first)

    def _marked(self, frame: av.VideoFrame, top_first: bool) -> av.VideoFrame:
        """``frame``, marked as interlaced: PyAV has no way to, and the encoder goes by it."""
        if self._marker is None:
            self._marker = Graph()
            nodes = (
                self._marker.add("setfield", "tff" if top_first else "bff"),
                self._marker.add("buffersink"),
            )
            buffer = buffer_for(self._marker, frame)
            self._marker.link_nodes(buffer, *nodes).configure(auto_buffer=False)
        self._marker.push(frame)
        return self._marker.vpull()


def _captioned(frame: av.VideoFrame, captions: av.VideoFrame) -> av.VideoFrame:
    """``frame`` with what is attached to ``captions``. PyAV attaches nothing to a frame, but keeps
    it where a frame is converted: so one is made of ``captions``, and gets the pixels."""
    made = VideoReformatter().reformat(
        captions, frame.width, frame.height, frame.format.name, threads=1
    )
    made.make_writable()  # it may be one that the decoder still refers to
    for target, source in zip(made.planes, frame.planes, strict=True):
        rows = np.asarray(source).reshape(source.height, source.line_size)
        kept = np.array(target).reshape(target.height, target.line_size)
        count = min(source.line_size, target.line_size)
        kept[:, :count] = rows[:, :count]
        target.update(kept.tobytes())
    made.pict_type = 0  # the encoder chooses
    made.colorspace, made.color_range = frame.colorspace, frame.color_range
    made.color_primaries, made.color_trc = frame.color_primaries, frame.color_trc
    return made
