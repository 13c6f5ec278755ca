"""The lower bound of the network's time on this device: the roofline (Williams et al. 2009).

It is the larger of two times: the network's operations at the rate of a large matrix product, and
its bytes at the bandwidth of a large copy. Both rates are measured on this device, with the threads
of inference. Only convolutions count; each reads its input and weights and writes its output once.
Data that stays in a cache between two layers may beat the bound by bytes, but nothing beats the
bound by operations.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from bgblur.config.settings import EngineSettings
from bgblur.gpu.stream import on_stream
from bgblur.segmentation.device_torch import DTYPES, shipped_model
from bgblur.segmentation.engine_torch import TorchEngine
from bgblur.segmentation.models import AUTO_MODEL

if TYPE_CHECKING:
    from bgblur.segmentation.engine import Engine

_SIDE, _GPU_SIDE = 1024, 8192  # of the matrices; only large ones keep a GPU busy
_COPIED = 2**28  # bytes: larger than a processor's caches
_SECONDS, _CALLS = 0.4, 5  # least duration and calls of each measurement


class _Cost(TorchDispatchMode):
    """Counts the floating-point operations of all calls, and the bytes read and written."""

    def __init__(self) -> None:
        super().__init__()
        self.flops = self.bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func._overloadpacket not in flop_registry:
            with self:  # composite operations are counted by their parts
                result = func.decompose(*args, **(kwargs or {}))
            if result is not NotImplemented:
                return result
        result = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.flops += formula(*args, **(kwargs or {}), out_val=result)
            tensors = [t for t in tree_leaves((args, result)) if isinstance(t, torch.Tensor)]
            self.bytes += sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        return result


def network_cost(engine: Engine, width: int, height: int) -> tuple[int, int]:
    """(floating-point operations, bytes) of the network for one frame of this size."""
    with on_stream(engine.device), _Cost() as cost:
        engine.infer(engine.upload(np.zeros((height, width, 3), np.uint8)))
    return cost.flops, cost.bytes


def peak_rate(device: str, precision: str) -> float:
    """Operations per second of a matrix product."""
    if precision == "int8":
        return 2 * _SIDE**3 / _fastest(_int8_product(), device)
    side = _SIDE if device == "cpu" else _GPU_SIDE
    factor = torch.ones(side, side, dtype=DTYPES[precision], device=device)
    return 2 * side**3 / _fastest(lambda: factor @ factor, device)


def _int8_product() -> Callable[[], object]:
    """With the kernels of quantized convolutions."""
    ones = torch.ones(_SIDE, _SIDE)
    factor = torch.quantize_per_tensor(ones, 1.0, 0, torch.quint8)
    weight = torch.quantize_per_tensor(ones, 1.0, 0, torch.qint8)
    packed = torch.ops.quantized.linear_prepack(weight, None)
    return lambda: torch.ops.quantized.linear(factor, packed, 8.0, 0)


def peak_bandwidth(device: str) -> float:
    """Bytes per second of a copy, reads and writes together."""
    source = torch.zeros(_COPIED, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * _COPIED / _fastest(lambda: target.copy_(source), device)


def limit_ms(flops: float, moved: float, rate: float, bandwidth: float) -> tuple[float, str]:
    """(the bound in milliseconds, its cause: "operations" or "bytes")."""
    by_operations, by_bytes = 1000 * flops / rate, 1000 * moved / bandwidth
    return max((by_operations, "operations"), (by_bytes, "bytes"))


def network_limit(
    settings: EngineSettings, width: int, height: int, input_height: int
) -> dict[str, Any]:
    """The roofline of the configured network for frames of ``width`` x ``height``; empty for a
    user's own int8 model, whose operations torch cannot count."""
    engine: Engine = TorchEngine(settings.model, settings.device, settings.precision, input_height)
    if engine.precision != "int8":
        flops, moved = network_cost(engine, width, height)
    elif shipped_model(settings.model, engine.device, settings.precision) is None:
        return {}
    else:  # the same network with 1 byte per number instead of 4
        floats = TorchEngine(AUTO_MODEL, "cpu", "fp32", input_height)
        flops, moved = network_cost(floats, width, height)
        moved //= 4
    rate, bandwidth = peak_rate(engine.device, engine.precision), peak_bandwidth(engine.device)
    best, bound = limit_ms(flops, moved, rate, bandwidth)
    return {
        "input_height": input_height,
        "gflop": round(flops / 1e9, 3),
        "mb": round(moved / 2**20, 1),
        "gflop_per_s": round(rate / 1e9, 1),
        "gb_per_s": round(bandwidth / 1e9, 1),
        "ms": round(best, 3),
        "bound": bound,
    }


@torch.inference_mode()
def _fastest(call: Callable[[], object], device: str) -> float:
    """Seconds of the fastest of many calls: disturbances only make them slower."""
    call()  # the first one allocates memory and selects kernels
    times: list[float] = []
    while sum(times) < _SECONDS or len(times) < _CALLS:
        _settle(device)
        began = time.perf_counter()
        call()
        _settle(device)
        times.append(time.perf_counter() - began)
    return min(times)


def _settle(device: str) -> None:
    """Wait until the device is idle."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()
