"""Clips with opacity and interlaced clips, written with PyAV alone."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.filter import Graph
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP
WITH_OPACITY = {  # by name: encoder, its options, pixel format
    "vp9.webm": ("libvpx-vp9", {"crf": "4", "auto-alt-ref": "0"}, "yuva420p"),
    "vp8.webm": ("libvpx", {"crf": "4", "b": "2M", "auto-alt-ref": "0"}, "yuva420p"),
    "prores.mov": ("prores_ks", {"profile": "4444"}, "yuva444p10le"),
    "animation.mov": ("qtrle", {}, "argb"),
    "png.mov": ("png", {}, "rgba"),
    "ffv1.mkv": ("ffv1", {}, "bgra"),
}


def write_opacity(path: Path, kind: str, pictures: Sequence[NDArray[Any]]) -> Path:
    """BGRA ``pictures`` (H, W, 4) at 25 a second as ``kind`` of WITH_OPACITY."""
    codec, options, pix_fmt = WITH_OPACITY[kind]
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, 25, options)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pix_fmt
        if pix_fmt == "yuva420p":
            stream.metadata["alpha_mode"] = "1"
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="bgra")
            container.mux(stream.encode(frame.reformat(format=pix_fmt, interpolation=EXACT)))
        container.mux(stream.encode(None))
    return path


def write_interlaced(path: Path, fields: Sequence[NDArray[Any]], top_first: bool) -> Path:
    """YUV 4:2:0 ``fields`` (H * 3 / 4, W) of half the frame's lines, two a frame, 50 a second."""
    rows, width = fields[0].shape
    height = rows * 4 // 3
    marker = Graph()
    buffer = marker.add("buffer", f"video_size={width}x{height}:pix_fmt=yuv420p:time_base=1/25")
    mark = marker.add("setfield", "tff" if top_first else "bff")
    marker.link_nodes(buffer, mark, marker.add("buffersink")).configure(auto_buffer=False)
    with av.open(str(path), "w") as container:
        order = "tff=1" if top_first else "bff=1"
        stream: Any = container.add_stream("libx264", 25, {"crf": "1", "x264-params": order})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for pair in zip(fields[0::2], fields[1::2], strict=True):
            whole = np.empty((height * 3 // 2, width), np.uint8)
            for target, *parts in zip(
                planes(whole, height), *(planes(field, height // 2) for field in pair), strict=True
            ):
                target[0 if top_first else 1 :: 2] = parts[0]
                target[1 if top_first else 0 :: 2] = parts[1]
            frame = av.VideoFrame.from_ndarray(whole, format="yuv420p")
            frame.time_base = Fraction(1, 25)
            marker.push(frame)
            container.mux(stream.encode(marker.vpull()))
        container.mux(stream.encode(None))
    return path


def planes(whole: NDArray[Any], height: int) -> list[NDArray[Any]]:
    """The three planes of a 4:2:0 picture (H * 3 / 2, W), as views."""
    width = whole.shape[1]
    chroma = whole[height:].reshape(2, height // 2, width // 2)
    return [whole[:height], chroma[0], chroma[1]]


def read_fields(path: Path, top_first: bool) -> list[NDArray[Any]]:
    """The inverse of ``write_interlaced``."""
    fields = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            assert frame.interlaced_frame
            whole = frame.to_ndarray()
            for parity in (0, 1) if top_first else (1, 0):
                parts = [plane[parity::2] for plane in planes(whole, frame.height)]
                fields.append(np.concatenate([part.reshape(-1, frame.width) for part in parts]))
    return fields
