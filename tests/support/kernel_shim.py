"""Runs a CUDA kernel on the processor: compiled as C++, its threads in sequence.

This tests the result of a kernel, but not whether its threads may run concurrently.
"""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bgblur.gpu.kernels import Kernel

_SHIM = """
#include <algorithm>
#include <cmath>
using std::max; using std::min;
#define __global__
#define __device__ static
struct Place { int x; };
static Place blockIdx, blockDim, threadIdx;
static int atomicMin(int* at, int v) { int old = *at; *at = min(old, v); return old; }
static int atomicMax(int* at, int v) { int old = *at; *at = max(old, v); return old; }
static int atomicAdd(int* at, int v) { int old = *at; *at += v; return old; }
"""


def on_the_processor(source: str, names: tuple[str, ...], folder: Path) -> list[Kernel]:
    """As kernels.kernels. Skips the test without a C++ compiler."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("there is no C++ compiler here")
    text = _SHIM + source
    for name in names:
        head = re.search(rf"void {name}\(([^)]*)\)", source)
        assert head is not None
        passed = ", ".join(part.split()[-1].lstrip("*") for part in head[1].split(","))
        text += (
            f'extern "C" void run_{name}(int blocks, int threads, {head[1]}) {{\n'
            "    blockDim.x = threads;\n"
            "    for (blockIdx.x = blocks - 1; blockIdx.x >= 0; --blockIdx.x)\n"  # in any order
            "        for (threadIdx.x = 0; threadIdx.x < threads; ++threadIdx.x)\n"
            f"            {name}({passed});\n}}\n"
        )
    code, library = folder / "kernels.cpp", folder / "kernels.so"
    code.write_text(text, encoding="utf-8")
    subprocess.run(
        [
            compiler,
            "-O1",
            "-Wall",
            "-Wno-unused-function",
            "-Werror",
            "-shared",
            "-fPIC",
            code,
            "-o",
            library,
        ],
        check=True,
    )
    loaded = ctypes.CDLL(str(library))
    return [Kernel(_launcher(getattr(loaded, f"run_{name}"))) for name in names]


def _launcher(function: Callable[..., object]) -> Callable[..., None]:
    def launch(
        grid: tuple[int, int, int], block: tuple[int, int, int], arguments: list[Tensor | int]
    ) -> None:
        function(
            grid[0],
            block[0],
            *(
                ctypes.c_void_p(one.data_ptr()) if isinstance(one, torch.Tensor) else one
                for one in arguments
            ),
        )

    return launch
