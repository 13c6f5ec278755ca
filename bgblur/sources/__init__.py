"""Where frames come from. A new source is a file with one class that keeps this protocol."""

from __future__ import annotations

from typing import Protocol

from bgblur.frame import Frame


class Source(Protocol):
    """An open camera or its stand-in. Opening happens in the constructor.

    ``name`` is for people; ``width``, ``height`` (pixels) and ``fps`` are what was really got, and
    ``remark`` says, in one line, where that is not what was asked for.
    """

    name: str
    remark: str | None
    width: int
    height: int
    fps: float

    def read(self) -> Frame:
        """Wait for the next frame. Raises CameraError when there will be no more."""

    def close(self) -> None:
        """Release the device; safe to call twice, and while another thread reads."""
