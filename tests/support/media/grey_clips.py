"""Clips with one shade of grey per frame, which identifies the frame."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import av
import numpy as np


def write_grey_clip(
    path: Path, shades: Iterable[int], fps: int = 25, size: tuple[int, int] = (64, 48)
) -> Path:
    """Write one lossless frame per shade; .gif files are GIF, all others FFV1."""
    width, height = size
    codec = "gif" if path.suffix == ".gif" else "ffv1"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, fps)
        stream.width, stream.height = size
        stream.pix_fmt = "rgb8" if codec == "gif" else "bgr0"
        for shade in shades:
            picture = np.full((height, width, 3), shade, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))
    return path
