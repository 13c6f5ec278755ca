"""Plays a clip in real time, again and again."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from pathlib import Path

from bgblur.errors import UsageError
from bgblur.frame import Image
from bgblur.media.reader import VideoReader

_LONGEST_WAIT = 1.0  # seconds between two pictures, even if the time stamps are further apart
_LATE = 0.1  # seconds of delay that the player catches up


class ClipPlayer:
    """Plays ``path`` at the pace of its time stamps and starts over at its end.

    ``width`` and ``height`` are pixels of the upright picture, ``fps`` is the average rate and
    ``played`` counts the pictures that ``read`` returned. Raises UsageError if the file has no
    readable video.
    """

    def __init__(self, path: Path) -> None:
        self._reader = VideoReader(path, fast=True)
        self.name = f"video {path.name}"
        self.width, self.height = self._reader.width, self._reader.height
        self.fps = float(self._reader.fps)
        self.played = 0
        self._pictures = self._play()
        self._due = time.monotonic()
        self._decoding = threading.Lock()
        self._closed = threading.Event()

    def read(self) -> Image:
        """Wait until the next picture is due and return it, BGR ``uint8`` (H, W, 3).

        A caller that is too slow slows the clip down; it does not get a burst to catch up.
        Raises UsageError if the player was closed or the file can no longer be read.
        """
        with self._decoding:
            try:
                picture, wait = next(self._pictures)
            except StopIteration:
                raise self._was_closed() from None
        now = time.monotonic()
        self._due = max(self._due + min(wait, _LONGEST_WAIT), now - _LATE)
        if self._closed.wait(max(0.0, self._due - now)):
            raise self._was_closed()
        self.played += 1
        return picture

    def close(self) -> None:
        """Close the file and wake a waiting ``read``; safe to call twice, from any thread."""
        self._closed.set()
        with self._decoding:
            self._pictures.close()

    def _was_closed(self) -> UsageError:
        return UsageError(f"the {self.name} was closed")

    def _play(self) -> Generator[tuple[Image, float], None, None]:
        """Yield pictures without end, each with the seconds since the one before it."""
        period = float(1 / self._reader.fps)
        while True:
            last: int | None = None
            for picture, pts in self._reader:
                gap = period if last is None else float((pts - last) * self._reader.time_base)
                last = pts
                yield picture, gap
