"""Networks that are loaded beside the one in force, and such as fail."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bgblur.errors import ModelError
from bgblur.frame import Alpha, Image
from bgblur.segmentation.climber import Climber
from bgblur.segmentation.governor import Governor
from bgblur.segmentation.ladder import Ladder, Rung
from bgblur.segmentation.live import LiveMatting
from bgblur.segmentation.networks import Networks
from bgblur.segmentation.options import MaskOptions
from bgblur.stats import Stats

LOW, OTHER_HEIGHT = Rung("lite", 96, 1.0, 1.0), Rung("lite", 128, 2.0, 2.0)
HIGH = Rung("full", 96, 3.0, 3.0)
LADDER = Ladder([LOW, OTHER_HEIGHT, HIGH])
FRAME = np.zeros((90, 160, 3), np.uint8)
SHARP = MaskOptions(refine_edges=False, smoothing=0.0)


class Flat:
    """An engine that finds ``value`` everywhere, or fails."""

    device, precision = "cpu", "fp32"

    def __init__(self, value: float = 0.0) -> None:
        self.value = value
        self.input_height = 96
        self.fault: Exception | None = None

    def upload(self, image: Image) -> Any:
        return image

    def infer(self, pixels: Any) -> Alpha:
        if self.fault is not None:
            raise self.fault
        return np.full((self.input_height, self.input_height * 16 // 9), self.value, np.float32)


class Compiled(Flat):
    """It compiles for each size, in which it may fail, when ``gate`` is open."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes = {(96, 90, 160)}
        self.gate = threading.Event()
        self.refuses: set[int] = set()

    def compiled(self, input_height: int, rows: int, columns: int) -> bool:
        return (input_height, rows, columns) in self.sizes

    def compile(self, input_height: int, rows: int, columns: int) -> None:
        assert self.gate.wait(60)
        if input_height in self.refuses:
            raise RuntimeError("no memory")
        self.sizes.add((input_height, rows, columns))


def settled(networks: Networks, rung: Rung) -> str:
    """What ``ready`` says at the end."""
    networks.ready(rung)
    for thread in threading.enumerate():
        if thread.name == "load":
            thread.join(60)
    return networks.ready(rung)


def never(rung: Rung) -> Flat:
    raise AssertionError(rung)


def test_another_network_is_loaded_once_and_beside_the_stream() -> None:
    gate, loads = threading.Event(), list[tuple[Rung, int]]()

    def load(rung: Rung) -> Flat:
        loads.append((rung, threading.get_ident()))
        assert gate.wait(60)
        return Flat(1.0)

    networks = Networks(Flat(), LOW, load)
    assert [networks.ready(HIGH) for _ in range(5)] == ["loading"] * 5
    assert networks.infer(FRAME).max() == 0.0  # the one in force works on
    gate.set()
    assert settled(networks, HIGH) == "ready"
    assert networks.infer(FRAME).max() == 0.0
    networks.stand_on(HIGH)
    assert networks.infer(FRAME).min() == 1.0
    assert [rung for rung, _ in loads] == [HIGH]
    assert loads[0][1] != threading.get_ident()
    assert networks.loaded == {"lite", "full"}
    assert networks.problem is None


@pytest.mark.parametrize("error", [ModelError("it is damaged"), MemoryError(), OSError(5, "I/O")])
def test_a_network_that_cannot_be_loaded_is_not_asked_for_again(error: Exception) -> None:
    loads = 0

    def load(_: Rung) -> Flat:
        nonlocal loads
        loads += 1
        raise error

    networks = Networks(Flat(), LOW, load)
    assert settled(networks, HIGH) == "failed"
    assert settled(networks, HIGH) == "failed"
    assert loads == 1
    assert networks.problem is not None
    assert networks.problem.startswith('"auto" goes on without full: ')
    assert "\n" not in networks.problem
    assert networks.ready(LOW) == "ready"


def test_a_size_is_compiled_beside_the_stream() -> None:
    engine = Compiled()
    networks = Networks(engine, LOW, never)
    networks.infer(FRAME)
    assert networks.ready(LOW) == "ready"
    assert networks.ready(OTHER_HEIGHT) == "loading"
    assert networks.infer(FRAME).shape[0] == 96
    engine.gate.set()
    assert settled(networks, OTHER_HEIGHT) == "ready"
    networks.infer(FRAME[:, ::2])  # another camera
    assert networks.ready(OTHER_HEIGHT) == "loading"
    assert settled(networks, OTHER_HEIGHT) == "ready"


def test_a_size_that_cannot_be_compiled_takes_one_rung_off() -> None:
    engine = Compiled()
    engine.gate.set()
    engine.refuses.add(128)
    networks = Networks(engine, LOW, lambda _: Flat())
    networks.infer(FRAME)
    governor = Governor(LADDER, LOW, lambda: 30.0, 0.9, networks.ready)
    assert settled(networks, OTHER_HEIGHT) == "failed"
    assert settled(networks, HIGH) == "ready"
    assert networks.problem == '"auto" goes on without lite at 128 lines: no memory'
    now = 0.0
    while now < 30:
        governor.note(now, now + 0.004, "inferred", 0.004)
        now += 1 / 30
    assert governor.rung == HIGH


def climbing(*engines: tuple[Rung, Flat]) -> tuple[LiveMatting, Callable[[Rung], None]]:
    """Live matting with all ``engines`` loaded, and what steps to a rung."""
    known = {rung.model: engine for rung, engine in engines}
    networks = Networks(known[LOW.model], LOW, lambda rung: known[rung.model])
    governor = Governor(LADDER, LOW, lambda: 30.0, 0.9, networks.ready)

    def step(rung: Rung) -> None:
        assert settled(networks, rung) == "ready"
        governor.rung = rung

    return LiveMatting(networks, Stats(), Climber(networks, governor), False), step


def test_a_network_that_fails_is_given_up_for_the_one_before() -> None:
    low, high = Flat(0.0), Flat(0.0)
    matting, step = climbing((LOW, low), (HIGH, high))
    matting(FRAME, SHARP)
    step(HIGH)
    matting(FRAME, SHARP)
    assert (matting.effort.network, matting.effort.height) == ("full", 96)
    high.fault = RuntimeError("no\nmemory")
    for _ in range(2):  # one frame may be at fault itself
        with pytest.raises(RuntimeError):
            matting(FRAME, SHARP)
    matting(FRAME, SHARP)
    assert matting.effort.network == "lite"
    assert matting.problem == '"auto" goes on without full: memory'
    low.fault = RuntimeError("gone")
    for _ in range(5):  # the last one stays: the pipeline loads all again
        with pytest.raises(RuntimeError, match="gone"):
            matting(FRAME, SHARP)
    assert matting.effort.network == "lite"


def test_single_frames_that_fail_are_no_networks_fault() -> None:
    low, high = Flat(0.0), Flat(0.0)
    matting, step = climbing((LOW, low), (HIGH, high))
    step(HIGH)
    for _ in range(4):
        high.fault = RuntimeError("a picture too wide")
        with pytest.raises(RuntimeError):
            matting(FRAME, SHARP)
        high.fault = None
        matting(FRAME, SHARP)
    assert matting.effort.network == "full"
    assert matting.problem is None
