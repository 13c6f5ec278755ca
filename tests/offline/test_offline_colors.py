"""Clips of known colours, made and looked at by ffmpeg: tags and pixels must both stay."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bgblur.frame import Alpha, Image
from bgblur.offline.video import VideoJob, blur_video

pytestmark = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="needs ffmpeg"
)

# 32-pixel patches, RGB: primaries, a skin tone, near black, near white, a grey.
COLORS = np.array(
    [[255, 0, 0], [0, 255, 0], [0, 0, 255], [224, 172, 138], [8, 8, 8], [247, 247, 247],
     [128, 128, 128], [20, 90, 60]],
    np.uint8,
)  # fmt: skip
WIDTH, HEIGHT = 32 * len(COLORS), 64
MATRICES = {"bt709": "bt709", "smpte170m": "bt601"}


def patches() -> Any:
    return np.tile(COLORS.repeat(32, 0)[None], (HEIGHT, 1, 1))


def made(path: Path, matrix: str, color_range: str, pix_fmt: str, *more: str) -> Path:
    scale = f"scale=out_color_matrix={MATRICES[matrix]}:out_range={color_range}:flags=accurate_rnd"
    tags = ["-colorspace", matrix, "-color_primaries", matrix, "-color_trc", matrix]
    raw = f"-f rawvideo -pix_fmt rgb24 -s {WIDTH}x{HEIGHT} -r 25 -i -".split()
    coded = ["-c:v", "libx264", "-crf", "2", "-pix_fmt", pix_fmt, "-color_range", color_range]
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", *raw, "-vf", scale, *coded, *tags, *more, str(path)],
        input=patches().tobytes() * 5,
        check=True,
    )
    return path


def shown(path: Path, matrix: str, color_range: str) -> Any:
    """The middles of the patches in RGB, converted by ffmpeg as the tags say."""
    scale = f"scale=in_color_matrix={MATRICES[matrix]}:in_range={color_range}:flags=accurate_rnd"
    call = ["ffmpeg", "-v", "error", "-i", str(path), "-frames:v", "1", "-vf", scale]
    done = subprocess.run(
        [*call, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True
    )
    picture = np.frombuffer(done.stdout, np.uint8).reshape(HEIGHT, WIDTH, 3)
    return picture[32, 16::32].astype(int)


def tags(path: Path) -> dict[str, str]:
    call = [
        "ffprobe",
        "-v",
        "error",
        "-select_streams",
        "v",
        "-show_streams",
        "-of",
        "json",
        str(path),
    ]
    stream = json.loads(subprocess.run(call, capture_output=True, check=True).stdout)["streams"][0]
    keys = ("color_range", "color_space", "color_primaries", "color_transfer")
    return {key: stream.get(key, "unknown") for key in keys}


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv422p10le"])
@pytest.mark.parametrize("color_range", ["tv", "pc"])
@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_range_matrix_and_colors_stay(
    tmp_path: Path, ending: str, matrix: str, color_range: str, pix_fmt: str
) -> None:
    source = made(tmp_path / f"in.{ending}", matrix, color_range, pix_fmt)
    target = tmp_path / f"out.{ending}"
    assert np.abs(shown(source, matrix, color_range) - COLORS).max() <= 3
    seen: list[Image] = []

    def compose(picture: Image, _: float) -> tuple[Image, Alpha]:
        seen.append(picture)
        return picture, np.ones(picture.shape[:2], np.float32)

    blur_video(VideoJob(source, target), lambda p: p, compose)
    assert np.abs(seen[0][32, 16::32, ::-1].astype(int) - COLORS).max() <= 4
    assert np.abs(shown(target, matrix, color_range) - COLORS).max() <= 6
    assert tags(target) == tags(source)
    assert tags(target)["color_range"] == color_range
    assert tags(target)["color_space"] == matrix
