"""Where frames come from. A new source is one file with one class that follows this protocol."""

from __future__ import annotations

from typing import Protocol

from bgblur.frame import Frame


class Source(Protocol):
    """An open camera, or something in its place. The constructor opens it.

    ``name`` is for people. ``width``, ``height`` (pixels) and ``fps`` are the actual values;
    ``remark`` is one line if they differ from those asked for.
    """

    name: str
    remark: str | None
    width: int
    height: int
    fps: float

    def read(self) -> Frame:
        """Wait for the next frame and return it. Raises CameraError when no more will come."""

    def close(self) -> None:
        """Release the device; safe to call twice, and while another thread reads."""
