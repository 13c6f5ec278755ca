"""CUDA C++ of our own, compiled on the user's machine by the NVRTC that comes with torch.

For what takes torch hundreds of small steps. Who uses a kernel has the same arithmetic in torch
beside it: where a kernel cannot be had, that runs.
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

_THREADS = 128  # of a block
_log = logging.getLogger(__name__)
_thread = threading.local()
_compiling = threading.Lock()

# Compiled by a C++ compiler too, in tests: nothing but one thread an element, and atomics.
INDEX = "const int i = blockIdx.x * blockDim.x + threadIdx.x; if (i >= count) return;"


class Kernel:
    """Calls a kernel ``extern "C" __global__ void name(int count, ...)``, a thread for each of
    ``count``, on the present stream."""

    def __init__(self, launch: Callable[..., None]) -> None:
        self._launch = launch

    def __call__(self, count: int, *arguments: Tensor | int) -> None:
        """Tensors are passed as pointers to their first element, numbers as int."""
        blocks = -(-count // _THREADS)
        self._launch((blocks, 1, 1), (_THREADS, 1, 1), [count, *arguments])


def kernels(source: str, names: tuple[str, ...], device: torch.device) -> list[Kernel] | None:
    """The kernels of ``source`` by these names; None where they cannot be had.

    Not to be called for the first time while work is recorded: compiling loads code.
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
        # What torch.cuda._compile_kernel, of torch 2.9 and later, does for one name. Compiling
        # takes a tenth of a second, and gives all of them.
        utils: Any = importlib.import_module("torch.cuda._utils")
        _enter(index)
        with torch.cuda.device(index):
            binary = compiled(source, names[0])
            loaded = utils._cuda_load_module(binary, list(names))
        return [Kernel(loaded[name]) for name in names]
    except Exception as error:  # whatever a compiler or a driver says
        _log.warning("this GPU's own kernels cannot be had, it will be slower: %s", error)
        return None


def compiled(source: str, name: str, architecture: str | None = None) -> bytes:
    """The binary of ``source``, which has ``name``; for the present device, or one like "90"."""
    utils: Any = importlib.import_module("torch.cuda._utils")
    extension: Any = importlib.import_module("torch.utils.cpp_extension")
    home = extension.CUDA_HOME
    # Torch would name CUDA's headers to NVRTC, and gives up where there is no toolkit that has
    # them. These sources include none.
    extension.CUDA_HOME = home or str(Path(torch.__file__).parent)
    try:
        binary: bytes = utils._nvrtc_compile(source, name, architecture)[0]
    finally:
        extension.CUDA_HOME = home
    return binary


def _enter(index: int) -> None:
    """The driver's own calls work in threads where one of its runtime, which torch uses, came
    before."""
    if getattr(_thread, "device", None) != index:
        torch.zeros(1, device=torch.device("cuda", index))
        _thread.device = index
