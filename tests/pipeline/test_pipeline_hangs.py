"""A camera that is busy, or a part that hangs or is lost: it is waited for, or begun again."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from support.pipeline_parts import HEIGHT, SHARP, WIDTH, SquareEngine, SquareSource, backend_of
from support.rig import Rig, assert_fed, leaks, running

from bgblur.compositing.card import card
from bgblur.compositing.look import Look
from bgblur.errors import CameraBusyError
from bgblur.frame import Frame
from bgblur.pipeline import capture, segment
from bgblur.pipeline.backend import Backend
from bgblur.pipeline.pipeline import Pipeline
from bgblur.pipeline.state import Part, Rest, State
from bgblur.pipeline.words import CARDS


@pytest.mark.parametrize("late", ["busy", "paused"])
def test_a_camera_that_comes_after_the_start_brings_its_size(late: str) -> None:
    busy = threading.Event()
    if late == "busy":
        busy.set()

    def open_source() -> SquareSource:
        if busy.is_set():
            raise CameraBusyError("another program has the camera")
        return SquareSource()

    rig = Rig()
    rig.pipeline = Pipeline(
        open_source, {"": rig.sink}, lambda: rig.backend, Look(), SHARP, wanted=(640, 480, 30.0)
    )
    if late == "paused":
        rig.pipeline.rest(Rest.PAUSED)
    with running(rig):
        rig.wait(lambda: len(rig.sink.published) > 3)
        assert rig.pipeline.size == (640, 480)
        busy.clear()
        rig.pipeline.rest(None)
        rig.wait_state("blurring")
        rig.wait(lambda: rig.pipeline.size == (WIDTH, HEIGHT))


def test_a_camera_that_is_busy_at_the_start_is_waited_for() -> None:
    source, busy = SquareSource(), threading.Event()
    busy.set()

    def open_source() -> SquareSource:
        if busy.is_set():
            raise CameraBusyError("another program has the camera")
        return source

    rig = Rig()
    rig.pipeline = Pipeline(
        open_source,
        {"": rig.sink},
        lambda: rig.backend,
        Look(),
        SHARP,
        wanted=(WIDTH, HEIGHT, 30.0),
    )
    with running(rig):
        began = time.monotonic()
        rig.wait_state("no camera")
        time.sleep(0.5)
        assert_fed(rig, began)
        assert rig.pipeline.problems.now() == {Part.CAMERA: "another program has the camera"}
        no_camera = card(WIDTH, HEIGHT, CARDS[State.NO_CAMERA])
        assert np.array_equal(rig.sink.published[-1][1], no_camera)
        busy.clear()
        rig.wait_state("blurring")
        assert rig.pipeline.problems.now() == {}


class OneThatHangs(SquareSource):
    """The read in progress when ``hang`` is set returns only after ``release``."""

    def __init__(self) -> None:
        super().__init__()
        self.hang, self.release = threading.Event(), threading.Event()

    def read(self) -> Frame:
        if self.hang.is_set():
            self.hang.clear()
            self.release.wait(20)
        return super().read()


def test_a_read_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "READS_WITHIN", 0.5)
    rig = Rig()
    source = OneThatHangs()
    rig.pipeline = Pipeline(source, {"": rig.sink}, lambda: rig.backend, Look(), SHARP)
    with running(rig):
        rig.wait_state("blurring")
        source.hang.set()
        rig.wait(lambda: not source.hang.is_set())
        frames = rig.pipeline.stats.frames
        rig.wait(lambda: rig.pipeline.stats.frames > frames + 10)
        source.release.set()
        rig.wait(lambda: source.closed >= 1)  # the old thread closes what it had, and ends
    assert not leaks(rig.sink.since(0))


def test_an_inference_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment, "INFERS_WITHIN", 0.5)
    hang, release = threading.Event(), threading.Event()

    def behave(alpha: object) -> object:
        if hang.is_set():
            hang.clear()
            release.wait(20)
        return alpha

    rig = Rig(SquareEngine(behave))
    with running(rig):
        rig.wait_state("blurring")
        hang.set()
        rig.wait(lambda: not hang.is_set())
        frames = rig.pipeline.stats.frames
        rig.wait(lambda: rig.pipeline.stats.frames > frames + 10)
        release.set()
    assert not leaks(rig.sink.since(0))


def test_camera_and_engine_lost_in_sleep_come_back() -> None:
    """After the sleep the camera is a new one, and every call on the old CUDA context fails."""
    lost, loads = threading.Event(), 0

    def load() -> Backend:
        nonlocal loads
        loads += 1
        context = loads

        def behave(alpha: object) -> object:
            if context == 1 and lost.is_set():
                raise RuntimeError("CUDA error: the launch failed")
            return alpha

        return backend_of(SquareEngine(behave))

    rig = Rig(load=load)
    with running(rig):
        rig.wait_state("blurring")
        asleep = time.monotonic()
        lost.set()
        rig.source.fail.set()
        rig.wait_state("no camera")
        rig.source.fail.clear()
        rig.wait(lambda: loads == 2)
        rig.wait_state("blurring")
        assert_fed(rig, asleep)
        assert loads == 2
        rig.wait(lambda: rig.pipeline.problems.now() == {})
    assert not leaks(rig.sink.since(0))
