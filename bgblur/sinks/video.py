"""Records the live output into a video file."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path

import av

from bgblur.files import IfExists
from bgblur.frame import Image
from bgblur.media.tags import BT601
from bgblur.media.writer import VideoWriter
from bgblur.sinks import PixelFormat, Resizing


class VideoSink:
    """``--output OUT.mp4``: writes each picture with the time at which it was published.

    The file is complete after ``close``; without any picture there is no file. If writing fails,
    the file ends there. ``remark`` is one line where the file has another name than ``path``.

    Raises UsageError if ``path`` exists and ``if_exists`` refuses, OutputError.
    """

    pixel_format: PixelFormat = "i420"
    resizing: Resizing = "never"

    def __init__(
        self, path: Path, width: int, height: int, fps: float, if_exists: IfExists = "refuse"
    ) -> None:
        self._writer = VideoWriter(
            path,
            width=width,
            height=height,
            fps=Fraction(fps).limit_denominator(1001),
            time_base=Fraction(1, 1000),
            tags=BT601,
            live=True,
            if_exists=if_exists,
        )
        name = self._writer.path.name
        self.name = f"video file {name}"
        self.remark: str | None = None
        if name != path.name:
            self.remark = f"{path.name} exists already and stays: this recording is {name}"
        self._first: float | None = None
        self._last = -1

    def publish(self, picture: Image) -> None:
        now = time.monotonic()
        self._first = self._first if self._first is not None else now
        self._last = max(self._last + 1, round((now - self._first) * 1000))
        self._writer.encode(av.VideoFrame.from_ndarray(picture, format="yuv420p"), self._last)

    @property
    def kept(self) -> bool:
        return self._writer.kept

    def close(self) -> None:
        if self._first is None:
            self._writer.abort()
        else:
            self._writer.close()
