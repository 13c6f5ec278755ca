"""Chooses what runs the network: OpenVINO on processors, Intel GPUs and NPUs, else TorchScript.

Imports neither: torch takes seconds, so a GPU that it could use is looked for without it.
"""

from __future__ import annotations

import ctypes
import platform
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from bgblur.errors import UsageError
from bgblur.segmentation.models import SHIPPED_IR, SHIPPED_MODELS

Runtime = Literal["openvino", "torchscript"]
OPENVINO_ONLY = ("intel-gpu", "npu")

_GPU_EXTRA = "pip install 'bgblur[gpu]'"
_NVIDIA = ("libcuda.so.1", "nvcuda.dll")
_AMD = Path("/dev/kfd")  # torch's ROCm build calls it "cuda"


def choose_runtime(runtime: str, model: str, device: str, precision: str = "auto") -> Runtime:
    """``runtime``, where "auto" is OpenVINO for an .xml, and on a processor for a shipped model.

    ``model``, ``device`` and ``precision`` are the settings. "auto" as ``device`` is a processor
    where torch is not installed or there is no GPU that it may use. Raises UsageError where the
    settings disagree, or need a package that is not installed.
    """
    if model.lower().endswith(".xml") or model in SHIPPED_IR.keys() - SHIPPED_MODELS.keys():
        if runtime == "torchscript":
            raise UsageError(
                f"the model {model} is OpenVINO's, and engine.runtime is torchscript: "
                'set engine.runtime to "auto"'
            )
        return _openvino(model, device)
    shipped = model == "auto" or model in SHIPPED_IR
    if device in OPENVINO_ONLY and runtime == "torchscript":
        raise UsageError(
            f'engine.device "{device}" needs OpenVINO, and engine.runtime is torchscript: '
            'set engine.runtime to "auto"'
        )
    if runtime == "openvino" or device in OPENVINO_ONLY:
        if not shipped:
            raise UsageError(
                f"the model {model} is not OpenVINO's: export it to an .xml with "
                'scripts/export.py, or set engine.runtime and engine.device to "auto"'
            )
        return _openvino(model, device)
    if runtime == "auto" and shipped and find_spec("openvino") is not None:
        here = device == "cpu" or (device == "auto" and not _torch_may_use_a_gpu())
        if here and precision != "fp16":  # which torch's message explains
            return "openvino"
    if find_spec("torch") is None:
        raise UsageError(
            f'model "{model}" on device "{device}" needs torch, which is not installed: '
            + _GPU_EXTRA
        )
    return "torchscript"


def _openvino(model: str, device: str) -> Runtime:
    if device not in ("auto", "cpu", *OPENVINO_ONLY):
        raise UsageError(
            f'OpenVINO does not run model "{model}" on engine.device "{device}": set it to "auto"'
        )
    if find_spec("openvino") is None:
        raise UsageError(f'model "{model}" needs OpenVINO: pip install openvino')
    return "openvino"


def _torch_may_use_a_gpu() -> bool:
    """Whether it is worth importing torch to ask."""
    if find_spec("torch") is None:
        return False
    apple = platform.system() == "Darwin" and platform.machine() == "arm64"
    return apple or _AMD.exists() or nvidia_gpu()


def nvidia_gpu() -> bool:
    """Whether the NVIDIA driver finds a GPU, by the driver's own library."""
    for name in _NVIDIA:
        try:
            driver = ctypes.CDLL(name)
        except OSError:
            continue
        count = ctypes.c_int()
        started = driver.cuInit(0) == 0
        return started and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
    return False


def engine_devices() -> dict[str, str]:
    """What engine.device may name here, and the products' names; without importing torch."""
    found = {"cpu": platform.processor() or platform.machine()}
    if find_spec("openvino") is not None:
        from bgblur.segmentation.openvino_core import units

        found |= units()
    if nvidia_gpu():
        installed = find_spec("torch") is not None
        found["cuda"] = "NVIDIA GPU" if installed else f"NVIDIA GPU, needs {_GPU_EXTRA}"
    return found
