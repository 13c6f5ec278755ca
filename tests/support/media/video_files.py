"""Writes videos with the project's own writer and reads them with independent tools."""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from bgblur.frame import Image
from bgblur.media.writer import VideoWriter


def writer(path: Path, width: int = 64, height: int = 48, **more: Any) -> VideoWriter:
    settings: dict[str, Any] = {"fps": Fraction(25), "time_base": Fraction(1, 25), **more}
    return VideoWriter(path, width=width, height=height, **settings)


def probe(path: Path, *more: str) -> Any:
    """ffprobe's report on a file; it shares no code with the project."""
    if not shutil.which("ffprobe"):
        pytest.skip("ffprobe is the judge")
    call = [
        "ffprobe",
        "-v",
        "error",
        "-show_streams",
        "-show_format",
        *more,
        "-of",
        "json",
        str(path),
    ]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return json.loads(done.stdout)


def first_picture(path: Path, matrix: int, full: bool) -> Image:
    """The first picture in BGR, computed from the stored YUV without swscale."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        assert frame.format.name in {"yuv420p", "yuvj420p"}
        y, u, v = (
            np.asarray(p, np.uint8).reshape(-1, p.line_size)[:, : p.width] for p in frame.planes
        )
    size = (frame.width, frame.height)
    blue, red = (
        cv2.resize(c, size, interpolation=cv2.INTER_NEAREST).astype(float) - 128 for c in (u, v)
    )
    luma = y.astype(float) if full else (y.astype(float) - 16) * 255 / 219
    if not full:
        blue, red = blue * 255 / 224, red * 255 / 224
    kr, kb = {1: (0.2126, 0.0722), 6: (0.299, 0.114)}[matrix]
    b, r = luma + 2 * (1 - kb) * blue, luma + 2 * (1 - kr) * red
    g = (luma - kr * r - kb * b) / (1 - kr - kb)
    return np.rint(np.stack([b, g, r], -1)).clip(0, 255).astype(np.uint8)


def frames_of(path: Path) -> int:
    """The number of frames, up to where the file breaks off."""
    count = 0
    with av.open(str(path)) as container, suppress(av.InvalidDataError):
        for _ in container.decode(video=0):
            count += 1
    return count
