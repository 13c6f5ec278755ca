"""Chooses the device, the precision, the shipped model and the number of threads for torch."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

import cv2
import torch

from bgblur.errors import UsageError
from bgblur.segmentation.models import AUTO_INT8, AUTO_MODEL, SHIPPED_MODELS

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

_THREADS = torch.get_num_threads()  # torch's choice at import: one a core, or OMP_NUM_THREADS
_CV_THREADS = cv2.getNumThreads()
_COPYING = 4  # threads


def default_threads() -> int:
    """torch's own choice of its number of threads."""
    return _THREADS


def share_cores(device: str) -> None:
    """Leave one core to the other stages: where a thread of torch waits for a core, the rest of
    them wait for it (two cores, 1280x720: 28 frames a second on one thread, 23 on two).

    Beside a GPU, torch's threads only copy pictures and OpenCV's only shrink them. A few are
    enough, and each idle one keeps a core busy while it waits for work.
    """
    threads, of_cv = max(1, _THREADS - 1), _CV_THREADS
    if choose_device(device) != "cpu":
        threads, of_cv = min(threads, _COPYING), min(of_cv, _COPYING)
    torch.set_num_threads(threads)
    cv2.setNumThreads(of_cv)


def choose_device(wanted: str) -> str:
    """``wanted``, where "auto" is CUDA, else MPS, else the CPU. Raises UsageError for a device that
    is not there."""
    if wanted == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    available = {"cpu": True, "mps": torch.backends.mps.is_available()}
    kind, _, number = wanted.partition(":")
    found = available.get(kind, torch.cuda.is_available())
    if kind == "cuda" and found and number:
        found = int(number) < torch.cuda.device_count()
    if not found:
        raise UsageError(
            f'engine.device is "{wanted}", but torch finds no such device here: '
            'set it to "auto" or "cpu"'
        )
    return wanted


def choose_precision(wanted: str, device: str) -> str:
    """``wanted``, where "auto" is fp16 on a GPU; on the CPU bf16 if the processor is faster with
    it, else fp32. "auto" is never int8 here: that depends on the model, see ``shipped_model``.

    Raises UsageError for a precision that ``device`` does not have.
    """
    if wanted == "int8" and device != "cpu":
        raise UsageError('engine.precision "int8" needs a processor: set it to "auto" or "fp16"')
    if device == "cpu":
        if wanted == "fp16":
            raise UsageError('engine.precision "fp16" needs a GPU: set it to "auto" or "bf16"')
        if wanted == "auto":
            features = torch.cpu.get_capabilities()
            native = features.get("avx512_bf16") or features.get("amx_bf16")
            return "bf16" if native and bf16_is_faster() else "fp32"
    return "fp16" if wanted == "auto" else wanted


@cache
def bf16_is_faster() -> bool:
    """Whether a convolution like the network's is faster in bf16 than in fp32: measured, because
    some processors multiply bf16 natively at half the rate (a Xeon without AMX: 64 ms a frame, and
    41 in fp32)."""
    best: dict[torch.dtype, float] = {}
    for dtype in (torch.float32, torch.bfloat16):
        planes = torch.zeros(1, 128, 20, 36, dtype=dtype).to(memory_format=torch.channels_last)
        kernel = torch.zeros(128, 128, 3, 3, dtype=dtype).to(memory_format=torch.channels_last)
        for run in range(6):
            began = time.perf_counter()
            torch.conv2d(planes, kernel, padding=1)
            took = time.perf_counter() - began
            if run:  # the first compiles
                best[dtype] = min(took, best.get(dtype, took))
    return best[torch.bfloat16] < best[torch.float32]


def shipped_model(wanted: str, device: str, precision: str = "auto") -> Path | None:
    """The file of a shipped model's name or of "auto"; None for a path.

    On processors "auto" is int8, unless another ``precision`` is wanted: with AVX2 it is 1.5 to 2
    times as fast as fp32, and alpha differs by a hundredth.
    """
    if wanted == "auto":
        int8 = device == "cpu" and precision in ("auto", "int8") and _multiplies_int8()
        wanted = AUTO_INT8 if int8 else AUTO_MODEL
    return SHIPPED_MODELS.get(wanted)


def auto_precision(model: str, wanted: str, device: str) -> str:
    """The precision that ``wanted`` leads to with ``model``, known without loading it."""
    precision = choose_precision(wanted, device)
    int8 = shipped_model(model, device, wanted) == SHIPPED_MODELS[AUTO_INT8]
    return "int8" if int8 else precision


def choose_int8_kernels() -> None:
    """Select oneDNN's kernels; a model loaded afterwards has its weights packed for them.

    Without VNNI torch selects FBGEMM's, which are slow for few channels (two cores with AVX2, 160
    rows: 35 ms an inference, 25 with oneDNN's; alpha differs by 0.0004 in the mean).
    """
    quantized = torch.backends.quantized
    if quantized.engine in ("x86", "fbgemm") and "onednn" in quantized.supported_engines:
        quantized.engine = "onednn"


def _multiplies_int8() -> bool:
    """Whether torch has the int8 kernels here that the model was made for."""
    x86 = torch.backends.quantized.engine in ("x86", "fbgemm", "onednn")
    return x86 and hasattr(torch, "quantize_per_tensor")  # deprecated by torch
