"""What is particular to v4l2loopback."""

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
    """Whether the loaded module gives a device back by itself once its writer has left.

    It says its version since 0.13; 0.12.5 to 0.12.7 do not give the device back.
    """
    return not module.is_dir() or (module / "version").is_file()


def format_of(device: str, nodes: Path = _NODES) -> tuple[str, int, int] | None:
    """(FourCC, width, height) that the driver has a device at; None where it has none, or does not
    say.

    While a program watches, the one that it knows stays, though the driver raises no error where
    another is asked for.
    """
    try:
        told = (nodes / Path(device).resolve().name / "format").read_text(encoding="ascii")
    except (OSError, ValueError):
        return None
    found = _FORMAT.match(told)
    return (found[1], int(found[2]), int(found[3])) if found else None


class Keeper:
    """Lets a device be written to again after this program, on versions before 0.13.

    With exclusive_caps=1, 0.12.5 to 0.12.7 give the device back only at the close of a descriptor
    that has called VIDIOC_STREAMON, and pyvirtualcam only writes. So another descriptor calls it;
    its close, even by the kernel after a crash, frees the device.
    """

    def __init__(self, device: str) -> None:
        self._descriptor: int | None = None
        if keeps_device():
            return
        import fcntl

        descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(descriptor, _STREAMON, struct.pack("i", _OUTPUT))
        except OSError:  # a courtesy to the next writer, no need of this one
            os.close(descriptor)
            return
        self._descriptor = descriptor

    def close(self) -> None:
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None
