"""Environment variables that libraries read when they are loaded.

For programs that have the process to themselves: the command line, the scripts. ``import bgblur``
sets none of them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform

DEFAULTS = {
    # A damaged picture may claim any size; imaging/pictures.py has the same limit: 2 ** 28.
    "OPENCV_IO_MAX_IMAGE_PIXELS": "268435456",
    # Seconds of silence after which a V4L2 camera counts as lost.
    "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "3",
    # OpenCV's idle threads sleep. To spin until the next work comes, some twenty times a frame,
    # takes a seventh of all processor time at 1280x720 and saves a millisecond.
    "OPENCV_THREAD_POOL_ACTIVE_WAIT_WORKER": "0",
    "OPENCV_THREAD_POOL_ACTIVE_WAIT_MAIN": "0",
    # OpenMP's threads sleep, too, GNU's and Intel's. torch waits for all of them at the end of each
    # operation: those that spin take the core that the last one needs, and beside another program
    # an inference on two threads takes many times as long as on one.
    "OMP_WAIT_POLICY": "PASSIVE",
    "KMP_BLOCKTIME": "0",
    # torch's C++ warnings are for those who develop it.
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    # torch and pydantic search all installed packages for plug-ins; bgblur uses none.
    "TORCH_DEVICE_BACKEND_AUTOLOAD": "0",
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
}


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h


def prepare_process() -> None:
    """Set each variable that is not set yet, and keep freed memory. Call it before OpenCV, torch or
    pydantic is imported; child processes inherit the variables."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Buffers as large as a frame are reused, not given back to the kernel each time:
    new pages cost more than the work on them. A JPEG of 1920x1080 decodes in half the time."""
    if platform.system() == "Linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library has no mallopt
            libc = ctypes.CDLL(None)
            libc.mallopt(_M_MMAP_THRESHOLD, 32 << 20)
            libc.mallopt(_M_TRIM_THRESHOLD, 64 << 20)
