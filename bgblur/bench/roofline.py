"""How fast the network could be at best here: the roofline (Williams et al. 2009).

The larger of two times: its operations at the rate of a large matrix product, and its bytes at the
bandwidth of a large copy, both measured on this device, with the threads that inference has. Only
the network's convolutions count, each reading its input and weights and writing its output once;
what a cache keeps between two layers may beat the bytes, nothing beats the operations.
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

_SIDE, _GPU_SIDE = 1024, 8192  # of the matrices: a GPU is busy only with large ones
_COPIED = 2**28  # bytes, more than a processor's caches hold
_SECONDS, _CALLS = 0.4, 5  # of each of the two measurements, at least


class _Cost(TorchDispatchMode):
    """Counts what passes by: floating-point operations, and bytes read and written for them."""

    def __init__(self) -> None:
        super().__init__()
        self.flops = self.bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func._overloadpacket not in flop_registry:
            with self:  # a convolution may come under several names, all made of the same
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
    """Operations a second of a matrix product."""
    if precision == "int8":
        return 2 * _SIDE**3 / _fastest(_int8_product(), device)
    side = _SIDE if device == "cpu" else _GPU_SIDE
    factor = torch.ones(side, side, dtype=DTYPES[precision], device=device)
    return 2 * side**3 / _fastest(lambda: factor @ factor, device)


def _int8_product() -> Callable[[], object]:
    """By the kernels that quantized convolutions use, too."""
    ones = torch.ones(_SIDE, _SIDE)
    factor = torch.quantize_per_tensor(ones, 1.0, 0, torch.quint8)
    weight = torch.quantize_per_tensor(ones, 1.0, 0, torch.qint8)
    packed = torch.ops.quantized.linear_prepack(weight, None)
    return lambda: torch.ops.quantized.linear(factor, packed, 8.0, 0)


def peak_bandwidth(device: str) -> float:
    """Bytes a second, read and written, of a copy."""
    source = torch.zeros(_COPIED, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * _COPIED / _fastest(lambda: target.copy_(source), device)


def limit_ms(flops: float, moved: float, rate: float, bandwidth: float) -> tuple[float, str]:
    """(milliseconds at best, what sets them: "operations" or "bytes")."""
    by_operations, by_bytes = 1000 * flops / rate, 1000 * moved / bandwidth
    return max((by_operations, "operations"), (by_bytes, "bytes"))


def network_limit(
    settings: EngineSettings, width: int, height: int, input_height: int
) -> dict[str, Any]:
    """The roofline of this network here, for frames of ``width`` x ``height``; empty for an int8
    model of one's own, into which torch's counters cannot see."""
    engine: Engine = TorchEngine(settings.model, settings.device, settings.precision, input_height)
    if engine.precision != "int8":
        flops, moved = network_cost(engine, width, height)
    elif shipped_model(settings.model, engine.device, settings.precision) is None:
        return {}
    else:  # the same network, of which every number takes a byte instead of four
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
    """Seconds of the fastest of many calls: what disturbs only makes them slower."""
    call()  # memory is had, and kernels are chosen, at the first
    times: list[float] = []
    while sum(times) < _SECONDS or len(times) < _CALLS:
        _settle(device)
        began = time.perf_counter()
        call()
        _settle(device)
        times.append(time.perf_counter() - began)
    return min(times)


def _settle(device: str) -> None:
    """Wait for the work that the device still has."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()
