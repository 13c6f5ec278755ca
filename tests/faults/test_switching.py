"""The step to another network while its load is slow, hangs or fails: nothing leaks, nothing
stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.faults.fairness import Heartbeat, no_descriptor_stays
from support.faults.model import Model, Pace
from support.faults.rig import PATIENCE, FaultRig, impatient, tried

from bgblur.compositing.look import Look
from bgblur.errors import ModelError
from bgblur.pipeline.live_matting import shipped_ladder
from bgblur.pipeline.state import Part

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")

START = shipped_ladder().start().model
FIRST_HIGHER = next(rung for rung in shipped_ladder().rungs if rung.model != START)


@pytest.fixture
def heart() -> Iterator[Heartbeat]:
    with impatient(), no_descriptor_stays(), Heartbeat() as heart:
        yield heart


class Loads:
    """What happens to the load of every network but the first: ``gate`` lets it go on."""

    def __init__(self, model: Model, error: Exception | None = None) -> None:
        self.gate = threading.Event()
        self.asked: list[str] = []
        self.threads: set[str] = set()
        self._error = error
        model.on_load = self

    def __call__(self, model: str) -> None:
        self.asked.append(model)
        if model == START:
            return
        self.threads.add(threading.current_thread().name)
        self.gate.wait(30)
        if self._error is not None:
            raise self._error


def networks(rig: FaultRig) -> set[str]:
    return {effort.network for effort in rig.model.efforts}


@pytest.mark.parametrize("strength", [1, 60])
def test_a_slow_load_and_the_step_after_it(strength: int, heart: Heartbeat) -> None:
    rig = FaultRig(heart, Look(strength=strength), pace=Pace())
    loads = Loads(rig.model)
    rig.start()
    rig.recover()
    rig.wait(lambda: len(loads.asked) > 1, 20)
    before = rig.model.efforts[-1].inferred
    rig.watch(0.6)  # the feed goes on meanwhile, with alphas of the old network
    assert rig.model.efforts[-1].inferred > before
    assert networks(rig) == {START}
    loads.gate.set()
    tried()
    rig.wait(lambda: rig.model.efforts[-1].network != START, 20)
    rig.watch(0.5)
    rig.wait(lambda: rig.pipeline.state == "blurring")
    assert loads.threads == {"load"}
    rig.model.pace = replace(rig.model.pace, seconds=0.3)  # and back, when the machine is busy
    rig.wait(lambda: rig.model.efforts[-1].network == START, 20)
    rig.check()
    rig.stop()
    rig.ended()


@pytest.mark.parametrize(
    "error",
    [ModelError("it is damaged: install bgblur again"), MemoryError(), RuntimeError("a\nb")],
)
def test_a_load_that_fails_is_one_line_and_the_picture_stays(
    error: Exception, heart: Heartbeat
) -> None:
    rig = FaultRig(heart, pace=Pace())
    loads = Loads(rig.model, error)
    loads.gate.set()
    rig.start()
    rig.wait(lambda: Part.MODEL in rig.pipeline.problems, 20)
    tried()
    line = rig.pipeline.problems.now()[Part.MODEL]
    assert line.startswith('"auto" goes on without ')
    assert "\n" not in line
    rig.watch(0.5)
    rig.wait(lambda: rig.pipeline.state == "blurring")
    assert networks(rig) == {START}
    rig.stop()
    rig.ended()


def test_a_load_that_hangs(heart: Heartbeat) -> None:
    """The stream goes on on the first network, steps down when it must, and ends in time."""
    rig = FaultRig(heart, pace=Pace())
    loads = Loads(rig.model)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bgblur.segmentation.governor._LOADS", 0.5)
        rig.start()
        rig.wait(lambda: len(loads.asked) > 1, 20)
        tried()
        rig.watch(1.0)
        rig.model.pace = replace(rig.model.pace, seconds=0.12)
        lowest = shipped_ladder().rungs[0]
        rig.wait(lambda: rig.model.efforts[-1].height == lowest.height, 20)
        assert networks(rig) == {START}
        rig.recover()
        rig.stop()
        rig.ended()
    loads.gate.set()


def test_a_network_that_fails_once_it_is_in_force(heart: Heartbeat) -> None:
    """Two frames are blurred whole, then the first network has them again."""
    rig = FaultRig(heart, pace=Pace())
    loads = Loads(rig.model)
    loads.gate.set()
    rig.model.breaks_except = START
    began = time.monotonic()
    rig.start()
    rig.wait(lambda: Part.MODEL in rig.pipeline.problems, 20)
    tried()
    assert "goes on without" in rig.pipeline.problems.now()[Part.MODEL]
    rig.watch(0.5)
    rig.wait(lambda: rig.pipeline.state == "blurring", 5)
    assert rig.model.efforts[-1].network == START
    stood_still = heart.lost(began)[0] > PATIENCE / 2  # so that it counted as hung
    assert loads.asked.count(START) == 1 or stood_still  # nothing was loaded again
    rig.stop()
    rig.ended()


def test_another_model_while_a_network_loads(heart: Heartbeat) -> None:
    """The old ladder's load ends later, and changes nothing."""
    rig = FaultRig(heart, pace=Pace())
    loads = Loads(rig.model)
    rig.start()
    rig.wait(lambda: len(loads.asked) > 1, 20)
    rig.model.pace = replace(rig.model.pace, governed=False)
    rig.reload()
    tried()
    rig.recover()
    loads.gate.set()
    rig.watch(0.5)
    assert rig.model.efforts[-1].height == rig.model.pace.rung
    rig.stop()
    rig.ended()
