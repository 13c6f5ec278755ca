"""A virtual camera that Zoom, Meet and Teams list, through pyvirtualcam."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Any

import pyvirtualcam

from bgblur.devices.listing import LABEL, holders, list_v4l2
from bgblur.devices.loopback import Keeper, format_of
from bgblur.errors import OutputError
from bgblur.frame import Image
from bgblur.sinks import PixelFormat, Resizing

_FOURCC = "YU12"  # V4L2's name for I420
_VIDEO_MAJOR = 81  # of the nodes of video devices, in Linux's devices.txt
HOW_TO_GET_ONE = {
    "linux": "run `bgblur-cam setup`, which loads v4l2loopback, or start PipeWire",
    "darwin": "install OBS Studio 30 or newer and start its virtual camera once",
    "win32": "install OBS Studio (or UnityCapture)",
}


class VirtualCameraSink:
    """Writes I420, which every virtual camera takes. ``device`` None opens the first one found.

    ``width`` and ``height`` must be even. ``size`` may differ from them: a driver keeps the size
    that a program which reads the device has already agreed on. Raises OutputError in one line.
    """

    pixel_format: PixelFormat = "i420"
    resizing: Resizing = "reopen"

    def __init__(self, device: str | None, width: int, height: int, fps: float) -> None:
        self.size = width, height
        self._camera = _opened(device, self.size, fps)
        self.device: str = self._camera.device
        kept = format_of(self.device) if sys.platform == "linux" else None
        if kept is not None and kept != (_FOURCC, *self.size):
            self._camera.close()
            self.size = _kept_size(self.device, *kept)
            self._camera = _opened(self.device, self.size, fps)
        self.name = f"virtual camera {self.device}"
        self._keeper = Keeper(self.device) if sys.platform == "linux" else None
        self._node = Path(self.device) if sys.platform.startswith("linux") else None
        self._open = True

    def publish(self, picture: Image) -> None:
        # pyvirtualcam only prints when a write fails, so check that the device still exists.
        if self._node is not None and not self._node.exists():
            raise OutputError(f"the {self.name} is gone: load v4l2loopback again")
        self._camera.send(picture)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._camera.close()
            if self._keeper is not None:
                self._keeper.close()


def _opened(device: str | None, size: tuple[int, int], fps: float) -> Any:
    i420 = pyvirtualcam.PixelFormat.I420
    try:
        return pyvirtualcam.Camera(*size, fps, device=device, fmt=i420)
    except (RuntimeError, ValueError, OSError) as error:
        raise OutputError(_no_output(device, error)) from error


def _kept_size(device: str, fourcc: str, width: int, height: int) -> tuple[int, int]:
    if fourcc != _FOURCC or width % 2 or height % 2:
        raise OutputError(
            f"the virtual camera {device} is kept at {fourcc} {width}x{height} by a program that "
            "reads it: choose another camera in that program, then this one again"
        )
    return width, height


def _no_output(device: str | None, error: Exception) -> str:
    way = HOW_TO_GET_ONE.get(sys.platform, "see the README")
    reason = " ".join(str(error).split())
    if taken := _taken(device):
        return taken
    if device is not None and sys.platform == "linux" and Path(device).exists():
        node = Path(device).stat()
        if not stat.S_ISCHR(node.st_mode) or os.major(node.st_rdev) != _VIDEO_MAJOR:
            return (
                f"{device} is not a virtual camera: choose one that `bgblur-cam devices` lists, "
                "or a file such as talk.mp4 to record"
            )
    if device is None:
        return (
            f"there is no virtual camera to write to: {way}, "
            "or use --output web to see the picture in a browser"
        )
    return f"cannot write to the virtual camera {device} ({reason}): {way}"


def _taken(device: str | None) -> str | None:
    """One line if another program feeds the device, or an old driver believes so; else None."""
    if sys.platform != "linux":
        return None
    fed = [
        found
        for found in list_v4l2()
        if "loopback" in found.driver and not found.outputs and device in (None, found.path)
    ]
    if not fed:
        return None
    if users := " and ".join(str(holder) for node in fed for holder in holders(node.path)):
        return (
            f"the virtual camera {fed[0]} is open in {users}: end the program that feeds it, "
            "or give bgblur a device of its own"
        )
    return (
        f"the virtual camera {fed[0]} takes no pictures after the program that fed it has left: "
        "`sudo modprobe -r v4l2loopback && sudo modprobe v4l2loopback exclusive_caps=1 "
        f"card_label={LABEL}`, or update it to 0.13"
    )
