"""An output that drops every picture, for measuring everything before it."""

from __future__ import annotations

from bgblur.frame import Image
from bgblur.sinks import PixelFormat, Resizing


class NullSink:
    """Takes I420, as a virtual camera does, and drops it."""

    name = "nowhere"
    pixel_format: PixelFormat = "i420"
    resizing: Resizing = "any"

    def publish(self, picture: Image) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to release."""
