"""Clips written with PyAV alone, without the project's own writer."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Interpolation

from bgblur.frame import Image


def write_clip(
    path: Path,
    pictures: Sequence[Image],
    *,
    pts: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 25),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    turn: tuple[float, bool, bool] | None = None,
    options: dict[str, str] | None = None,
    matrix: int = 2,
    color_range: int = 0,
) -> Path:
    """Encode ``pictures`` (BGR, H x W x 3) into ``path``; ``turn`` is rotation, hflip, vflip."""
    with av.open(str(path), "w", container_options={"movflags": "+faststart"}) as container:
        stream = container.add_stream(codec, 25, options or {}, time_base=time_base)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.codec_context.colorspace = matrix
        stream.codec_context.color_range = color_range
        if turn is not None:
            stream.set_display_rotation(*turn)
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame = frame.reformat(
                format=pix_fmt,
                dst_colorspace={1: 1, 6: 5}.get(matrix),
                dst_color_range=color_range or None,
                interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND,
            )
            frame.pts = index if pts is None else pts[index]
            frame.time_base = time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def gray_steps(path: Path, count: int) -> Path:
    """``count`` frames at 25 fps, each lighter than the last."""
    shades = [np.full((48, 64, 3), 20 + 20 * i, np.uint8) for i in range(count)]
    return write_clip(path, shades, options={"crf": "4"})
