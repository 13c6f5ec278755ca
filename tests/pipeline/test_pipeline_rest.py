"""A rest: the camera is closed, a card is shown, it costs almost nothing, and all comes back."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from support.faults.fairness import Heartbeat, feed_problem
from support.pipeline_parts import HEIGHT, SHARP, WIDTH, RecordingSink, SquareEngine, SquareSource
from support.rig import Rig, assert_fed, assert_within, leaks, running

from bgblur.compositing.card import card
from bgblur.compositing.look import Look
from bgblur.frame import Image
from bgblur.pipeline.pipeline import Pipeline
from bgblur.pipeline.state import Rest, State
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
