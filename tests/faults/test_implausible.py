"""A model that calls the room a person, in the pipeline that the daemon runs."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from support.pipeline_parts import SquareEngine, backend_of
from support.rig import Rig, leaks, running

from bgblur.compositing.look import Look
from bgblur.frame import Alpha
from bgblur.pipeline.backend import Backend
from bgblur.pipeline.state import Part
from bgblur.segmentation.plausible import ALL_AROUND


class Loads:
    """Loads what the daemon would, around the test's engine, and counts it."""

    def __init__(self, engine: SquareEngine) -> None:
        self._engine = engine
        self.count = 0

    def __call__(self) -> Backend:
        self.count += 1
        return backend_of(self._engine)


def all_person(alpha: Alpha) -> Alpha:
    return np.ones_like(alpha)


def three_quarters(alpha: Alpha) -> Alpha:
    return np.full_like(alpha, 0.75)


def inverted(alpha: Alpha) -> Alpha:
    return 1 - alpha


@pytest.mark.parametrize("fault", [all_person, inverted])
def test_nothing_of_the_room_is_shown_from_the_start(fault: Callable[[Alpha], Alpha]) -> None:
    engine = SquareEngine(fault)
    load = Loads(engine)
    rig = Rig(engine, load, Look(strength=100))
    with running(rig):
        rig.wait_state("no mask")
        began, calls = time.monotonic(), engine.calls
        rig.wait(lambda: engine.calls > calls + 20, 30.0)
        rig.wait_state("no mask")
        assert rig.pipeline.problems.now() == {Part.MASK: ALL_AROUND}
        assert load.count == 1  # the same model would come back
        assert rig.sink.since(began)
        assert not leaks(rig.sink.since(0.0))
        engine.behave = lambda alpha: alpha
        rig.wait(lambda: rig.pipeline.state == "blurring", 30.0)
        assert Part.MASK not in rig.pipeline.problems
    assert not leaks(rig.sink.since(0.0))


@pytest.mark.parametrize("fault", [all_person, three_quarters, inverted])
def test_nothing_of_the_room_is_shown_when_it_starts_later(fault: Callable[[Alpha], Alpha]) -> None:
    engine = SquareEngine()
    load = Loads(engine)
    rig = Rig(engine, load, Look(strength=100))
    with running(rig):
        rig.wait_state("blurring")
        calls = engine.calls
        rig.wait(lambda: engine.calls > calls + 10, 30.0)
        engine.behave = fault
        calls = engine.calls
        rig.wait(lambda: engine.calls > calls + 20, 30.0)
        if fault is not three_quarters:  # hysteresis drops that: nobody is certain in it
            rig.wait_state("no mask")
        engine.behave = lambda alpha: alpha
        rig.wait(lambda: rig.pipeline.state == "blurring", 30.0)
    assert load.count == 1
    assert not leaks(rig.sink.since(0.0))
