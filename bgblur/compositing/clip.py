"""Clips as backgrounds: played in an endless loop, at their own rate.

The daemon plays a clip in its own thread (``PlayingClip``). For a recording, each frame's
background is the clip's picture at that frame's time (``SteppedClip``), so that the result does not
depend on the machine's speed.
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

_REST_AFTER = 2.0  # seconds without a call of ``at``, after which decoding pauses
_CLOSE_WITHIN = 0.5  # seconds for the thread to end
_SAME_TIME = Fraction(1, 1_000_000)  # seconds; rounding error of time stamps


class Clip(Protocol):
    """A background that changes with time. ``problem`` is one line when it can no longer play."""

    problem: str | None

    def at(self, seconds: float, width: int, height: int) -> Image | None:
        """BGR ``(height, width, 3)``, shared between calls: do not write to it. It is the same
        object while the picture is the same. None while there is no picture of this size."""

    def close(self) -> None:
        """Close the file. ``at`` may still be called; it returns the last picture."""


def is_picture(path: Path) -> bool:
    """Whether the first bytes of ``path`` are a still picture's; GIFs count as clips."""
    if not path.is_file() or path.suffix.lower() == ".gif":  # OpenCV warns of missing files
        return False
    return bool(cv2.haveImageReader(str(path)))


def open_clip(path: Path, live: bool) -> Clip:
    """A PlayingClip if ``live``, else a SteppedClip. Raises UsageError for a file that is not a
    readable clip."""
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
    """Plays from the first call of ``at``, which ignores ``seconds`` and never waits.

    A clip that can no longer be read shows its last picture. Raises UsageError for a file that has
    no readable video.
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
        except Exception as error:  # decoders raise many types; the last picture stays
            if not self._closed:
                self.problem = f"the background stands still: {one_line(error)}"


class SteppedClip:
    """Decodes the clip forwards to the time that ``at`` asks for, in a loop.

    An earlier time than the last starts it again. Raises UsageError for a file that has no readable
    video, here and in ``at``.
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
        """Endless pairs of (time in seconds from which a picture is shown, picture)."""
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
