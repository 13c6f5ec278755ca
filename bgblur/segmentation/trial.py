"""Chooses among the processor, an Intel GPU and an NPU by trying them.

None is faster by its name: an old integrated GPU is slower than the processor beside it. Each is
given the same picture a few times. One that finds another alpha than the processor is not used.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import TypeVar

import numpy as np

from bgblur.errors import BgblurError
from bgblur.files import write_atomically
from bgblur.frame import Alpha, Image
from bgblur.segmentation.engine import Engine

_INFERENCES = 9
_BETTER = 0.8  # share of the processor's time that another device must stay below
_APART = 0.02  # mean difference of alpha from the processor's; half precision differs by 0.001

E = TypeVar("E", bound=Engine)


def quickest(
    units: Mapping[str, str],
    load: Callable[[str], E],
    picture: Callable[[], Image],
    remembered: Path,
    clock: Callable[[], float] = time.perf_counter,
) -> E:
    """The engine that ``load`` gives for the best of ``units``, by name; "cpu" is always one.

    ``units`` are their products' names, as openvino_core.units gives them. The result is kept in
    the file ``remembered``, and holds until the machine or its drivers give other ``units``.
    """
    if not units.keys() - {"cpu"}:
        return load("cpu")
    chosen = _recalled(remembered, units)
    if chosen is not None:
        with suppress(BgblurError):  # its driver may have gone
            return load(chosen)
    best, image = load("cpu"), picture()
    took, expected = _tried(best, image, clock)
    chosen, limit = "cpu", _BETTER * took
    for unit in units.keys() - {"cpu"}:
        try:
            engine = load(unit)
            took, alpha = _tried(engine, image, clock)
        except (BgblurError, RuntimeError):
            continue  # a device that fails now would fail in a call
        alike = alpha.shape == expected.shape and np.abs(alpha - expected).mean() < _APART
        if alike and took < limit:
            best, chosen, limit = engine, unit, took
    with suppress(OSError):  # tried again at the next start
        remembered.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(remembered, json.dumps({"units": dict(units), "chosen": chosen}))
    return best


def _recalled(remembered: Path, units: Mapping[str, str]) -> str | None:
    try:
        kept = json.loads(remembered.read_text(encoding="utf-8"))
        chosen = kept["chosen"] if kept["units"] == dict(units) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return chosen if chosen in units else None


def _tried(engine: Engine, picture: Image, clock: Callable[[], float]) -> tuple[float, Alpha]:
    """(median seconds of an inference, alpha)."""
    alpha = engine.infer(engine.upload(picture))
    times = []
    for _ in range(_INFERENCES):
        began = clock()
        alpha = engine.infer(engine.upload(picture))
        times.append(clock() - began)
    return median(times), np.asarray(alpha)
