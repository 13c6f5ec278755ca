"""What an old v4l2loopback needs beside the pictures."""

from __future__ import annotations

import contextlib
import os
import struct
from pathlib import Path

_MODULE = Path("/sys/module/v4l2loopback")
_STREAMON = 0x40045612  # VIDIOC_STREAMON, linux/videodev2.h
_OUTPUT = 2  # V4L2_BUF_TYPE_VIDEO_OUTPUT


def keeps_device(module: Path = _MODULE) -> bool:
    """Whether the loaded module gives a device back by itself once its writer has left.

    It says its version since 0.13; 0.12.5 to 0.12.7 do not give the device back.
    """
    return not module.is_dir() or (module / "version").is_file()


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
