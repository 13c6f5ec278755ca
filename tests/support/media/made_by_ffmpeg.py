"""Clips made by ffmpeg, what ffprobe says of a file, and what becomes of a clip without blur."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bgblur.frame import Alpha, Image
from bgblur.offline.video import VideoJob, VideoReport, blur_video

needs_ffmpeg = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="needs ffmpeg"
)


def ffmpeg(*arguments: str | Path) -> None:
    """Run ffmpeg; strings are split at spaces, paths are not."""
    words = [
        word
        for argument in arguments
        for word in ([str(argument)] if isinstance(argument, Path) else argument.split())
    ]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *words], check=True)


def bare(path: Path, more: str = "") -> Path:
    ffmpeg(
        "-f lavfi -i testsrc2=s=64x48:d=2:r=25 -f lavfi -i sine=d=2 -c:v libx264 -c:a aac",
        more,
        path,
    )
    return path


def as_it_is(source: Path, target: Path) -> VideoReport:
    def compose(picture: Image, _: float) -> tuple[Image, Alpha]:
        return picture, np.ones(picture.shape[:2], np.float32)

    return blur_video(VideoJob(source, target), lambda picture: picture, compose)


def probed(path: Path) -> Any:
    call = ["ffprobe", "-v", "error", "-show_streams", "-show_format", "-show_chapters"]
    done = subprocess.run(
        [*call, "-of", "json", str(path)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return json.loads(done.stdout)
