"""A thread that hangs is replaced, and learns afterwards that its turn is over."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest

from bgblur.pipeline import worker as worker_module
from bgblur.pipeline.worker import MOST_LEFT_BEHIND, Turn, Worker


class Hanging:
    """A loop whose every run hangs in a call until ``release``."""

    def __init__(self, patience: float = 60.0) -> None:
        self.patience = patience
        self.begun = threading.Semaphore(0)
        self.release = threading.Event()
        self.turns: list[Turn] = []
        self.ended_over: list[bool] = []

    def __call__(self, turn: Turn) -> None:
        self.turns.append(turn)
        turn.beat(self.patience)
        self.begun.release()
        self.release.wait(60)
        self.ended_over.append(turn.over())


def test_a_hung_thread_is_replaced_once_its_patience_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr(worker_module, "time", SimpleNamespace(monotonic=lambda: now))
    stopping, loop = threading.Event(), Hanging()
    worker = Worker("test", loop, stopping)
    assert loop.begun.acquire(timeout=60)
    now += 60
    assert not worker.replace_if_hung()
    now += 0.001
    assert worker.replace_if_hung()
    assert loop.begun.acquire(timeout=60)
    assert [turn.over() for turn in loop.turns] == [True, False]
    assert not worker.replace_if_hung()
    loop.release.set()
    assert worker.join(60)
    for thread in worker.left_behind:
        thread.join(60)
    assert sorted(loop.ended_over) == [False, True]


def test_a_loop_that_beats_in_time_is_left_alone() -> None:
    stopping = threading.Event()

    def loop(turn: Turn) -> None:
        while not turn.over():
            turn.beat(60.0)
            time.sleep(0.01)

    worker = Worker("test", loop, stopping)
    for _ in range(20):
        time.sleep(0.01)
        assert not worker.replace_if_hung()
    stopping.set()
    assert worker.join(60)


def test_a_limited_number_of_threads_is_left_behind() -> None:
    stopping, loop = threading.Event(), Hanging(patience=0.0)
    worker = Worker("test", loop, stopping)
    for number in range(3 * MOST_LEFT_BEHIND):
        assert number > MOST_LEFT_BEHIND or loop.begun.acquire(timeout=60)
        time.sleep(0.002)  # no patience, but the clock has steps
        worker.replace_if_hung()
    assert len(worker.left_behind) == MOST_LEFT_BEHIND
    assert len(loop.turns) == MOST_LEFT_BEHIND + 1
    loop.release.set()
    assert worker.join(60)
