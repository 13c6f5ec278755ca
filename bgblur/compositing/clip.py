"""Clips as backgrounds: looped without end, shown at their own rate.

A running daemon plays them in a thread of its own (``PlayingClip``); a recording that is blurred
takes each of its frames' background from the clip at that frame's time (``SteppedClip``), so that
the result does not hang on how fast the machine is.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import cv2

from bgblur.errors import UsageError, one_line
from bgblur.frame import Image
from bgblur.imaging.cover import cover

_REST_AFTER = 2.0  # seconds without a caller after which nothing more is decoded
_CLOSE_WITHIN = 0.5  # seconds given to the thread
_SAME_TIME = Fraction(1, 1_000_000)  # seconds: rounding of time stamps on their way here


class Clip(Protocol):
    """A background that changes with time. ``problem`` is one line once it can no longer play."""

    problem: str | None

    def at(self, seconds: float, width: int, height: int) -> Image | None:
        """BGR ``(height, width, 3)``, shared between calls: do not write to it. One object for
        as long as the picture is the same. None while there is no picture of this size."""

    def close(self) -> None:
        """Give back the file. ``at`` may still be called, and gives the last picture."""


def is_picture(path: Path) -> bool:
    """Whether ``path`` is to be read as one picture, by its first bytes; a GIF moves."""
    if not path.is_file() or path.suffix.lower() == ".gif":  # OpenCV warns of files that are not
        return False
    return bool(cv2.haveImageReader(str(path)))


def open_clip(path: Path, live: bool) -> Clip:
    """A clip that plays if ``live``, else one that goes with the frames' time. Raises UsageError
    for what is no clip."""
    try:
        return PlayingClip(path) if live else SteppedClip(path)
    except UsageError as error:
        if not path.is_file() or not os.access(path, os.R_OK):
            raise
        raise UsageError(
            f"cannot read {path}: it is neither a picture nor a clip, or it is damaged; "
            "convert it to PNG, JPEG or MP4"
        ) from error


class PlayingClip:
    """Plays from the first call of ``at`` on; ``at`` never waits, whatever ``seconds`` is.

    A clip that can no longer be read stands still. Raises UsageError for a file that has no
    readable video.
    """

    def __init__(self, path: Path) -> None:
        from bgblur.media.player import ClipPlayer

        self.problem: str | None = None
        self._player = ClipPlayer(path)
        self._size = (0, 0)
        self._picture: Image | None = None
        self._asked, self._asked_at = threading.Event(), 0.0
        self._closed = False
        self._thread = threading.Thread(target=self._play, name="background", daemon=True)
        self._thread.start()

    def at(self, seconds: float, width: int, height: int) -> Image | None:
        self._size, self._asked_at = (width, height), time.monotonic()
        self._asked.set()
        picture = self._picture
        return picture if picture is not None and picture.shape[:2] == (height, width) else None

    def close(self) -> None:
        self._closed = True
        self._asked.set()
        self._player.close()
        self._thread.join(_CLOSE_WITHIN)

    def _play(self) -> None:
        try:
            while True:
                if time.monotonic() - self._asked_at > _REST_AFTER:
                    self._asked.clear()
                    self._asked.wait()
                if self._closed:
                    return
                self._picture = cover(self._player.read(), *self._size)
        except Exception as error:  # whatever a decoder raises, the last picture stays
            if not self._closed:
                self.problem = f"the background stands still: {one_line(error)}"


class SteppedClip:
    """The clip at any time asked for, decoded as far as that needs: forwards, over and over.

    An earlier time than the last starts it anew. Raises UsageError for a file that has no
    readable video, then and, should the file be lost, in ``at``.
    """

    def __init__(self, path: Path) -> None:
        from bgblur.media.reader import VideoReader

        self.problem: str | None = None
        self._reader = VideoReader(path)
        self._pictures = self._play()
        self._shown, self._next = next(self._pictures), next(self._pictures)
        self._fitted: Image | None = None

    def at(self, seconds: float, width: int, height: int) -> Image:
        now = Fraction(seconds) + _SAME_TIME
        if now < self._shown[0]:
            self._pictures.close()
            self._pictures = self._play()
            self._shown, self._next = next(self._pictures), next(self._pictures)
            self._fitted = None
        while self._next[0] <= now:
            self._shown, self._next = self._next, next(self._pictures)
            self._fitted = None
        if self._fitted is None or self._fitted.shape[:2] != (height, width):
            self._fitted = cover(self._shown[1], width, height)
        return self._fitted

    def close(self) -> None:
        self._pictures.close()

    def _play(self) -> Generator[tuple[Fraction, Image], None, None]:
        """Pictures without end, each with the second from which it is shown."""
        period = 1 / self._reader.fps
        begin = Fraction(0)
        while True:
            first: int | None = None
            now = begin
            for picture, pts in self._reader:
                first = pts if first is None else first
                now = begin + (pts - first) * self._reader.time_base
                yield now, picture
            if first is None:
                raise UsageError(f"cannot read {self._reader.path}: it has no pictures any more")
            begin = now + period
