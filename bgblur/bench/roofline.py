"""The roofline of ``limit.py`` for a network that torch runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from bgblur.bench.limit import fastest, limit_of
from bgblur.config.settings import EngineSettings
from bgblur.gpu.stream import on_stream
from bgblur.segmentation.device_torch import DTYPES, shipped_model
from bgblur.segmentation.engine_torch import TorchEngine
from bgblur.segmentation.models import AUTO_MODEL

if TYPE_CHECKING:
    from bgblur.segmentation.engine import Engine

_SIDE, _GPU_SIDE = 1024, 8192  # of the matrices; only large ones keep a GPU busy
_COPIED = 2**28  # bytes: larger than a processor's caches


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
    return limit_of(input_height, flops, moved, rate, bandwidth)


@torch.inference_mode()
def _fastest(call: Callable[[], object], device: str) -> float:
    return fastest(call, lambda: _settle(device))


def _settle(device: str) -> None:
    """Wait until the device is idle."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()
