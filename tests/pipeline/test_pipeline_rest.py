"""A camera that rests, is busy, or hangs; the preview beside the output."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from support.faults.fairness import Heartbeat, feed_problem
from support.pipeline_parts import (
    HEIGHT,
    SHARP,
    WIDTH,
    RecordingSink,
    SquareEngine,
    SquareSource,
    backend_of,
)
from support.rig import Rig, assert_fed, assert_within, leaks, running

from bgblur.compositing.card import card
from bgblur.compositing.look import Look
from bgblur.errors import CameraBusyError, OutputError
from bgblur.frame import Frame, Image
from bgblur.pipeline import capture, segment
from bgblur.pipeline.backend import Backend
from bgblur.pipeline.pipeline import Pipeline
from bgblur.pipeline.state import Part, Rest, State
from bgblur.pipeline.words import CARDS
from bgblur.sinks.null import NullSink


@pytest.mark.parametrize("reason", Rest)
def test_a_resting_camera_is_closed_and_opened_again_at_once(reason: Rest) -> None:
    with running(Rig()) as rig:
        rig.wait_state("blurring")
        rig.pipeline.rest(reason)
        rig.wait(lambda: rig.source.closed == 1)
        rig.wait_state(reason)
        began = time.monotonic()
        time.sleep(0.6)
        assert_fed(rig, began)
        shown = rig.sink.since(began)
        assert all(np.array_equal(p, card(WIDTH, HEIGHT, CARDS[reason.state])) for p in shown)
        assert rig.pipeline.before() is None
        assert rig.pipeline.problems.now() == {}
        index = rig.source.index
        time.sleep(0.2)
        assert rig.source.index == index

        woken = time.monotonic()
        rig.pipeline.rest(None)
        rig.wait(lambda: rig.pipeline.state == State.BLURRING)
        assert_within(rig, 0.5, woken)  # nothing is loaded again
        assert rig.sink.opened == [(WIDTH, HEIGHT)]
    assert not leaks(rig.sink.since(0))


def test_a_pause_hides_even_the_picture_that_is_raw_by_choice() -> None:
    with running(Rig(look=Look(strength=0))) as rig:
        rig.wait_state("off")
        assert leaks(rig.sink.since(0))
        rig.pipeline.rest(Rest.PAUSED)
        rig.wait_state("paused")
        paused = time.monotonic()
        time.sleep(0.3)
        assert not leaks(rig.sink.since(paused))


def test_a_storm_of_clients_leaks_nothing() -> None:
    with running(Rig()) as rig:
        rig.wait_state("blurring")
        threads = threading.active_count()
        for number in range(50):
            rig.pipeline.rest(Rest.IDLE if number % 2 == 0 else None)
            time.sleep(0.01)
        rig.wait_state("blurring")
        rig.wait(lambda: threading.active_count() <= threads)
        rig.pipeline.rest(Rest.IDLE)
        rig.wait_state("idle")
    assert not leaks(rig.sink.since(0))


def test_a_pipeline_that_begins_paused_never_opens_the_camera() -> None:
    opened = []

    def open_source() -> SquareSource:
        opened.append(time.monotonic())
        return SquareSource()

    sink, engine = RecordingSink(), SquareEngine()
    rig = Rig(engine)
    rig.pipeline = Pipeline(
        open_source, {"": sink}, lambda: rig.backend, Look(), SHARP, wanted=(WIDTH, HEIGHT, 30.0)
    )
    rig.sink = sink
    rig.pipeline.rest(Rest.PAUSED)
    with running(rig):
        rig.wait(lambda: len(sink.published) > 5)
        assert opened == []
        assert sink.opened == [(WIDTH, HEIGHT)]
        rig.pipeline.rest(None)
        rig.wait_state("blurring")
        assert len(opened) == 1


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


class CopyingSink(NullSink):
    """Copies each picture, as writing to a device does."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def publish(self, picture: Image) -> None:
        self.times.append(time.monotonic())
        self.picture, self.copied = picture, picture.tobytes()


def rest_for(seconds: float) -> tuple[float, float, list[float]]:
    """(processor time of this process, processor time of waking as often to copy a picture, the
    beginning, the time of each picture and the end)."""
    rig = Rig()
    sink = CopyingSink()
    rig.pipeline = Pipeline(
        rig.source,
        {"": lambda *_: sink},
        lambda: rig.backend,
        Look(),
        SHARP,
        wanted=(1280, 720, 30.0),
    )
    rig.pipeline.rest(Rest.IDLE)
    rig.pipeline.start()  # without a heartbeat, which costs as much
    try:
        rig.wait_state("idle")
        time.sleep(0.3)
        sink.times.clear()
        before, since = time.process_time(), time.monotonic()
        time.sleep(seconds)
        spent, times = time.process_time() - before, [since, *sink.times, time.monotonic()]
    finally:
        rig.pipeline.stop()
    before = time.process_time()
    for _ in times[1:-1]:
        time.sleep(0.002)
        sink.picture.tobytes()
    return spent, time.process_time() - before, times


def test_resting_takes_little_processor_time() -> None:
    """Less than a hundredth of a core, four times what the pictures alone would take. The limit is
    measured, too: for a slow machine it is another one."""
    # In a new process: hung threads of other tests would count here.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh, Heartbeat() as heart:
        spent, copying, times = fresh.submit(rest_for, 3).result(180)
        assert feed_problem(times[1:-1], times[0], times[-1], heart) is None
    assert len(times) < 20 * (times[-1] - times[0]), "each picture costs"
    assert spent < 10 * copying


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


class FailingPreview(RecordingSink):
    def publish(self, picture: Image) -> None:
        if self.refuse.is_set():
            raise OutputError("the page has ended")
        super().publish(picture)


def test_the_preview_shows_what_the_output_shows_and_may_fail_alone() -> None:
    preview = FailingPreview()
    with running(Rig()) as rig:
        rig.wait_state("blurring")
        rig.pipeline.replace_preview(lambda: preview)
        rig.wait(lambda: len(preview.published) > 10)
        moment = preview.published[5][1]
        assert any(np.array_equal(moment, picture) for picture in rig.sink.since(0))
        preview.refuse.set()
        rig.wait(lambda: rig.pipeline.problems.now() == {Part.PREVIEW: "the page has ended"})
        began = time.monotonic()
        time.sleep(0.5)
        assert_fed(rig, began)
        preview.refuse.clear()
        rig.pipeline.replace_preview(lambda: preview)
        rig.wait(lambda: Part.PREVIEW not in rig.pipeline.problems)
        rig.pipeline.replace_preview(None)
        rig.wait(lambda: preview.closed > 0)
    assert not leaks([picture for _, picture in preview.published])
