"""The lower bound of a network's time: the roofline (Williams et al. 2009).

It is the larger of two times: the network's operations at the rate of a large matrix product, and
its bytes at the bandwidth of a large copy. Both rates are measured on this device, with the threads
of inference. Only convolutions count; each reads its input and weights and writes its output once.
Data that stays in a cache between two layers may beat the bound by bytes, but nothing beats the
bound by operations.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

_SECONDS, _CALLS = 0.4, 5  # least duration and calls of each measurement


def limit_ms(flops: float, moved: float, rate: float, bandwidth: float) -> tuple[float, str]:
    """(the bound in milliseconds, its cause: "operations" or "bytes")."""
    by_operations, by_bytes = 1000 * flops / rate, 1000 * moved / bandwidth
    return max((by_operations, "operations"), (by_bytes, "bytes"))


def limit_of(
    input_height: int, flops: int, moved: int, rate: float, bandwidth: float
) -> dict[str, Any]:
    """What ``bench --json`` says of it, for a network of ``flops`` operations that moves ``moved``
    bytes, where the device does ``rate`` operations and moves ``bandwidth`` bytes a second."""
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


def fastest(
    call: Callable[[], object],
    settle: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Seconds of the fastest of many calls: disturbances only make them slower. ``settle`` waits
    until the device is idle."""
    call()  # the first one allocates memory and selects kernels
    times: list[float] = []
    while sum(times) < _SECONDS or len(times) < _CALLS:
        settle()
        began = clock()
        call()
        settle()
        times.append(clock() - began)
    return min(times)
