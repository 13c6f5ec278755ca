"""The roofline of ``limit.py`` for a network that OpenVINO runs on the processor."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from bgblur.bench.limit import fastest, limit_of
from bgblur.config.settings import EngineSettings
from bgblur.segmentation.engine_openvino import OpenVinoEngine, input_size
from bgblur.segmentation.openvino_core import core
from bgblur.segmentation.openvino_import import import_openvino
from bgblur.segmentation.scales import heights_of

_SIDE = 1024  # of the matrices
_COPIED = 2**28  # bytes: larger than a processor's caches
_LEVELS = 256  # of int8


def network_limit(
    settings: EngineSettings, width: int, height: int, input_height: int
) -> dict[str, Any]:
    """The roofline of the configured network for frames of ``width`` x ``height``, with the one
    thread of a live stream. Those few layers of an int8 network that are not int8 count as if they
    were: it stays a lower bound."""
    engine = OpenVinoEngine(settings.model, settings.precision, input_height)
    costs = [
        network_cost(engine.path, input_size(rows, height, width), _bytes_of(engine.precision))
        for rows in heights_of(input_height)
    ]
    flops, moved = (sum(of) for of in zip(*costs, strict=True))
    return limit_of(input_height, flops, moved, peak_rate(engine), peak_bandwidth())


def network_cost(path: Path, size: tuple[int, int], of_float: int = 4) -> tuple[int, int]:
    """(operations, bytes) of the convolutions of the IR ``path`` for a picture of ``size``, rows
    and columns, once. A number of what is quantised is a byte, another one ``of_float`` bytes."""
    model = core().read_model(path)
    model.reshape([1, 3, *size])
    flops = moved = 0
    for layer in model.get_ops():
        kind = layer.get_type_name()
        if "Convolution" not in kind:
            continue
        shapes = [list(layer.input_value(i).get_shape()) for i in (0, 1)]
        output = list(layer.output(0).get_shape())
        # The weights are [out, in, ...] and [in, out, ...] backwards, with the groups before.
        grouped = 1 if kind.startswith("Group") else 0
        weights = shapes[1][grouped:]
        pixels = shapes[0] if "Backprop" in kind else output
        flops += 2 * prod(pixels) * weights[1] * prod(weights[2:])
        quantised = layer.input_value(0).get_node().get_type_name() == "FakeQuantize"
        moved += sum(map(prod, (*shapes, output))) * (1 if quantised else of_float)
    return flops, moved


def peak_rate(engine: OpenVinoEngine) -> float:
    """Operations a second of a matrix product in the precision of ``engine``."""
    ov = import_openvino()
    op = ov.opset8
    factor = op.parameter([_SIDE, _SIDE], np.float32)
    if engine.precision == "int8":
        ends = [np.float32(end) for end in (0, 1, 0, 1)]
        whole = op.constant(np.ones((_SIDE, _SIDE), np.int8))
        weights = op.multiply(op.convert(whole, np.float32), np.float32(1 / 128))
        product = op.matmul(op.fake_quantize(factor, *ends, _LEVELS), weights, False, True)
    else:
        product = op.matmul(factor, np.ones((_SIDE, _SIDE), np.float32), False, True)
    request = (
        core()
        .compile_model(ov.Model([product], [factor]), "CPU", engine.config())
        .create_infer_request()
    )
    given = np.ones((_SIDE, _SIDE), np.float32)
    return 2 * _SIDE**3 / _fastest(lambda: request.infer([given], share_inputs=True))


def peak_bandwidth() -> float:
    """Bytes a second of a copy by one thread, reads and writes together."""
    source = np.zeros(_COPIED, np.uint8)
    target = np.ones_like(source)
    return 2 * _COPIED / _fastest(lambda: np.copyto(target, source))


def _fastest(call: Callable[[], object]) -> float:
    """In processor time, since it is one thread's: what else runs here does not count."""
    return fastest(call, clock=time.process_time)


def _bytes_of(precision: str) -> int:
    return 2 if precision in ("bf16", "fp16") else 4
