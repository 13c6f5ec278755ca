"""bgblur's own CUDA C++ kernels, compiled on the user's machine by the NVRTC that torch brings.

They replace work that takes torch hundreds of small kernels. Callers have the same arithmetic in
torch as well, and use it where a kernel is not available.
"""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_THREADS = 128  # in a block
_log = logging.getLogger(__name__)
_thread = threading.local()
_compiling = threading.Lock()

# Tests compile the sources with a C++ compiler: use one thread per element and atomics only.
INDEX = "const int i = blockIdx.x * blockDim.x + threadIdx.x; if (i >= count) return;"


class Kernel:
    """Launches ``extern "C" __global__ void name(int count, ...)`` with ``count`` threads on the
    present stream."""

    def __init__(self, launch: Callable[..., None]) -> None:
        self._launch = launch

    def __call__(self, count: int, *arguments: Tensor | int) -> None:
        """Tensors are passed as pointers to their first element, numbers as int."""
        blocks = -(-count // _THREADS)
        self._launch((blocks, 1, 1), (_THREADS, 1, 1), [count, *arguments])


def kernels(source: str, names: tuple[str, ...], device: torch.device) -> list[Kernel] | None:
    """The kernels ``names`` of ``source``; None where they are not available.

    Must not be called for the first time during the capture of a CUDA graph: it loads code.
    """
    if device.type != "cuda":
        return None
    index = torch.cuda.current_device() if device.index is None else device.index
    with _compiling:
        made = _compiled(source, names, index)
    if made is not None:
        _enter(index)
    return made


@cache
def _compiled(source: str, names: tuple[str, ...], index: int) -> list[Kernel] | None:
    try:
        # As torch.cuda._compile_kernel (torch 2.9 and later) does for one name. Compiling takes a
        # tenth of a second and gives all of them.
        utils: Any = importlib.import_module("torch.cuda._utils")
        _enter(index)
        with torch.cuda.device(index):
            binary = compiled(source, names[0])
            loaded = utils._cuda_load_module(binary, list(names))
        return [Kernel(loaded[name]) for name in names]
    except Exception as error:  # compilers and drivers raise many types
        _log.warning("the CUDA kernels are not available, so it will be slower: %s", error)
        return None


def compiled(source: str, name: str, architecture: str | None = None) -> bytes:
    """The binary of ``source``, which defines ``name``, for the present device or for an
    ``architecture`` like "90"."""
    utils: Any = importlib.import_module("torch.cuda._utils")
    extension: Any = importlib.import_module("torch.utils.cpp_extension")
    home = extension.CUDA_HOME
    # torch passes the path of CUDA's headers to NVRTC and fails where there is no toolkit. These
    # sources include no headers.
    extension.CUDA_HOME = home or str(Path(torch.__file__).parent)
    try:
        binary: bytes = utils._nvrtc_compile(source, name, architecture)[0]
    finally:
        extension.CUDA_HOME = home
    return binary


def _enter(index: int) -> None:
    """Make the CUDA context current in this thread: driver calls need that, and the first call of
    the runtime, which torch uses, does it."""
    if getattr(_thread, "device", None) != index:
        torch.zeros(1, device=torch.device("cuda", index))
        _thread.device = index
