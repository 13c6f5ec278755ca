"""Special cases of v4l2loopback."""

from __future__ import annotations

import contextlib
import os
import re
import struct
from pathlib import Path

_MODULE = Path("/sys/module/v4l2loopback")
_NODES = Path("/sys/class/video4linux")
_FORMAT = re.compile(r"(\S+):(\d+)x(\d+)@")
_STREAMON = 0x40045612  # VIDIOC_STREAMON, linux/videodev2.h
_OUTPUT = 2  # V4L2_BUF_TYPE_VIDEO_OUTPUT


def keeps_device(module: Path = _MODULE) -> bool:
    """Whether the loaded module frees a device when its writer closes it.

    Versions since 0.13 do, and report their version; 0.12.5 to 0.12.7 do not.
    """
    return not module.is_dir() or (module / "version").is_file()


def format_of(device: str, nodes: Path = _NODES) -> tuple[str, int, int] | None:
    """The driver's present format of a device as (FourCC, width, height); None if unknown.

    While a program reads from the device, the driver keeps its format. A request for another one
    then has no effect and raises no error.
    """
    try:
        text = (nodes / Path(device).resolve().name / "format").read_text(encoding="ascii")
    except (OSError, ValueError):
        return None
    found = _FORMAT.match(text)
    return (found[1], int(found[2]), int(found[3])) if found else None


class Keeper:
    """Keeps a device usable for the next writer, on versions before 0.13.

    With exclusive_caps=1, 0.12.5 to 0.12.7 free the device only when a descriptor closes that has
    called VIDIOC_STREAMON; pyvirtualcam only writes. This class opens a second descriptor that
    calls it. Closing it, even by the kernel after a crash, frees the device.
    """

    def __init__(self, device: str) -> None:
        self._descriptor: int | None = None
        if keeps_device():
            return
        import fcntl

        descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(descriptor, _STREAMON, struct.pack("i", _OUTPUT))
        except OSError:  # only the next writer needs it
            os.close(descriptor)
            return
        self._descriptor = descriptor

    def close(self) -> None:
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None
