"""Plays a video file like a camera."""

from __future__ import annotations

from pathlib import Path

from bgblur.errors import CameraError, UsageError
from bgblur.frame import Frame
from bgblur.media.player import ClipPlayer


class VideoSource:
    """A clip in place of a camera: played at the pace of its time stamps, again and again.

    Raises CameraError if the file cannot be played.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._player = ClipPlayer(path)
        except UsageError as error:
            raise CameraError(str(error)) from error
        self.name = self._player.name
        self.remark: str | None = None
        self.width, self.height = self._player.width, self._player.height
        self.fps = self._player.fps

    def read(self) -> Frame:
        index = self._player.played
        try:
            picture = self._player.read()
        except UsageError as error:  # closed, or the file was removed or replaced
            raise CameraError(str(error)) from error
        return Frame(picture, index)

    def close(self) -> None:
        self._player.close()
