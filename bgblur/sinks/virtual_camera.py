"""A virtual camera that Zoom, Meet and Teams list, through pyvirtualcam."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pyvirtualcam

from bgblur.errors import OutputError
from bgblur.frame import Image
from bgblur.sinks import PixelFormat, Resizing

HOW_TO_GET_ONE = {
    "linux": "`sudo modprobe v4l2loopback exclusive_caps=1 card_label=bgblur`",
    "darwin": "install OBS Studio 30 or newer and start its virtual camera once",
    "win32": "install OBS Studio (or UnityCapture)",
}


class VirtualCameraSink:
    """I420, as every virtual camera wants it. ``device`` None takes the first there is.

    ``width`` and ``height`` must be even. Raises OutputError in one line.
    """

    pixel_format: PixelFormat = "i420"
    resizing: Resizing = "reopen"

    def __init__(self, device: str | None, width: int, height: int, fps: float) -> None:
        try:
            self._camera: Any = pyvirtualcam.Camera(
                width, height, fps, device=device, fmt=pyvirtualcam.PixelFormat.I420
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise OutputError(_no_output(device, error)) from error
        self.device: str = self._camera.device
        self.name = f"virtual camera {self.device}"
        self._node = Path(self.device) if sys.platform.startswith("linux") else None
        self._open = True

    def publish(self, picture: Image) -> None:
        # pyvirtualcam prints a failed write and goes on; a node that is gone is how to know.
        if self._node is not None and not self._node.exists():
            raise OutputError(f"the {self.name} is gone: load v4l2loopback again")
        self._camera.send(picture)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._camera.close()


def _no_output(device: str | None, error: Exception) -> str:
    way = HOW_TO_GET_ONE.get(sys.platform, "see the README")
    reason = " ".join(str(error).split())
    if device is None:
        return (
            f"there is no virtual camera to write to: {way}, "
            "or use --output web to see the picture in a browser"
        )
    return f"cannot write to the virtual camera {device} ({reason}): {way}"
