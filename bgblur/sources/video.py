"""Plays a video file like a camera."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from pathlib import Path

from bgblur.errors import CameraError, UsageError
from bgblur.frame import Frame, Image
from bgblur.media.reader import VideoReader

_LONGEST_WAIT = 1.0  # seconds between two pictures of a camera's stand-in, whatever the file says
_LATE = 0.1  # seconds that may be caught up


class VideoSource:
    """A clip that stands in for a camera: paced by its timestamps, started over at its end.

    Raises CameraError for a file that cannot be played.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._reader = VideoReader(path)
        except UsageError as error:
            raise CameraError(str(error)) from error
        self.name = f"video {path.name}"
        self.remark: str | None = None
        self.width, self.height = self._reader.width, self._reader.height
        self.fps = float(self._reader.fps)
        self._pictures = self._play()
        self._index = 0
        self._due = time.monotonic()
        self._decoding = threading.Lock()
        self._closed = threading.Event()

    def read(self) -> Frame:
        with self._decoding:
            picture, wait = self._next()
        now = time.monotonic()
        # Whoever reads too slowly sees the clip slowed down, not a burst to catch up.
        self._due = max(self._due + min(wait, _LONGEST_WAIT), now - _LATE)
        if self._closed.wait(max(0.0, self._due - now)):
            raise CameraError(f"the {self.name} was closed")
        frame = Frame(picture, self._index)
        self._index += 1
        return frame

    def close(self) -> None:
        self._closed.set()
        with self._decoding:
            self._pictures.close()

    def _next(self) -> tuple[Image, float]:
        try:
            return next(self._pictures)
        except StopIteration:
            raise CameraError(f"the {self.name} was closed") from None
        except UsageError as error:  # the file was removed or replaced between two rounds
            raise CameraError(str(error)) from error

    def _play(self) -> Generator[tuple[Image, float], None, None]:
        """Pictures without end, each with the seconds since the one before it."""
        period = float(1 / self._reader.fps)
        while True:
            last: int | None = None
            for picture, pts in self._reader:
                gap = period if last is None else float((pts - last) * self._reader.time_base)
                last = pts
                yield picture, gap
