"""An edit may choose another camera and show it raw: the camera before it is not shown raw."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from support.pipeline_parts import SquareEngine, SquareSource
from support.rig import Rig, leaks, running

from bgblur.compositing.look import Look
from bgblur.errors import CameraError
from bgblur.frame import Alpha, Frame
from bgblur.sources import Source

RAW = Look(mode="none")


class Gate:
    """Holds a thread up at a place that the test chooses."""

    def __init__(self) -> None:
        self.closed, self.entered, self.opened = (threading.Event() for _ in range(3))

    def __call__(self) -> None:
        if self.closed.is_set():
            self.entered.set()
            assert self.opened.wait(30)


class HeldSource(SquareSource):
    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self.gate = gate

    def read(self) -> Frame:
        self.gate()
        return super().read()


def held_engine(gate: Gate) -> SquareEngine:
    def hold(alpha: Alpha) -> Alpha:
        gate()
        return alpha

    return SquareEngine(hold)


def no_camera() -> Source:
    raise CameraError("it is not there yet")


def read_held(gate: Gate) -> Rig:
    rig = Rig()
    rig.pipeline.replace_source(HeldSource(gate))
    return rig


PLACES: dict[str, Callable[[Gate], Rig]] = {
    "in the driver": read_held,
    "in the model": lambda gate: Rig(held_engine(gate)),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_frame_of_the_camera_before_does_not_get_the_look_of_the_next(place: str) -> None:
    gate = Gate()
    with running(PLACES[place](gate)) as rig:
        rig.wait_state("blurring")
        gate.closed.set()
        assert gate.entered.wait(30)
        rig.pipeline.replace_source(no_camera)
        rig.pipeline.look = RAW
        published = len(rig.sink.published)
        gate.opened.set()
        rig.wait(lambda: "it is not there yet" in str(rig.pipeline.problems.now()))
        rig.wait(lambda: len(rig.sink.published) > published + 5)
        assert not leaks([picture for _, picture in rig.sink.published])


def test_the_next_camera_gets_its_look() -> None:
    with running(Rig()) as rig:
        rig.wait_state("blurring")
        rig.pipeline.replace_source(SquareSource())
        rig.pipeline.look = RAW
        rig.wait(lambda: len(leaks([picture for _, picture in rig.sink.published[-5:]])) > 2)
