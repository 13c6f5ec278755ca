"""Writing a video with the project's own writer, and asking ffprobe what came of it."""

from __future__ import annotations

import json
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from bgblur.media.writer import VideoWriter


def writer(path: Path, width: int = 64, height: int = 48, **more: Any) -> VideoWriter:
    settings: dict[str, Any] = {"fps": Fraction(25), "time_base": Fraction(1, 25), **more}
    return VideoWriter(path, width=width, height=height, **settings)


def probe(path: Path, *more: str) -> Any:
    """What ffprobe, which shares no code with us, says of a file."""
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
    told = subprocess.run(call, capture_output=True, text=True, check=True)
    assert told.stderr == ""
    return json.loads(told.stdout)
