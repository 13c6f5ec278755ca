"""FFmpeg, whose output is a pipe."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

PICTURES = "-f lavfi -i testsrc2=s=64x48:d=1:r=25"
SOUND = "-f lavfi -i sine=d=1"
H264 = "-c:v libx264 -preset ultrafast"


@contextmanager
def producer(words: str) -> Iterator[BinaryIO]:
    call = ["ffmpeg", "-v", "error", *words.split(), "-"]
    with subprocess.Popen(call, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.stdout  # type: ignore[misc]
        process.stdout.close()
