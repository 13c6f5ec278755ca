"""More work than the machine can do: 4K at 120 fps while another program uses every core."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import psutil
import pytest
from support.faults.fairness import Heartbeat, feed_problem

from bgblur.compositing.look import Look
from bgblur.config.settings import EngineSettings
from bgblur.frame import Frame, Image
from bgblur.pipeline.build import load_backend
from bgblur.pipeline.pipeline import Pipeline
from bgblur.segmentation.options import MaskOptions
from bgblur.sinks.null import NullSink
from bgblur.sources.demo import DemoSource
from bgblur.stats import Stats

WIDTH, HEIGHT, FPS = 3840, 2160, 120.0
SECONDS = 5.0  # of each half


class Torrent:
    """Frames of the demo, made in advance, faster than they can be processed."""

    name = "torrent"
    remark: str | None = None
    width, height, fps = WIDTH, HEIGHT, FPS

    def __init__(self) -> None:
        demo = DemoSource(WIDTH, HEIGHT)
        self._pictures = itertools.cycle([demo.picture(seconds) for seconds in (0, 1, 2)])
        self.index = 0

    def read(self) -> Frame:
        time.sleep(1 / FPS)
        self.index += 1
        return Frame(next(self._pictures), self.index)

    def close(self) -> None:
        """Nothing to release."""


class TimingSink(NullSink):
    def __init__(self) -> None:
        self.times: list[float] = []

    def publish(self, picture: Image) -> None:
        self.times.append(time.monotonic())


@contextmanager
def busy_machine() -> Iterator[None]:
    """Every core also runs a busy loop."""
    spin = [sys.executable, "-c", "while True: pass"]
    hogs = [subprocess.Popen(spin) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def middle(stages: Any, *names: str) -> float:
    return sum(stages[name]["p50"] for name in names if name in stages)


@pytest.mark.slow
def test_under_overload_the_newest_frame_wins_and_nothing_queues() -> None:
    source, sink, stats = Torrent(), TimingSink(), Stats()
    pipeline = Pipeline(
        lambda: source,
        {"": lambda *_: sink},
        lambda: load_backend(EngineSettings(), stats, fps=lambda: FPS),
        Look(),
        MaskOptions(),
        stats,
    )
    pipeline.start()
    try:
        deadline = time.monotonic() + 60
        while stats.frames < 5:
            assert pipeline.fatal is None
            assert time.monotonic() < deadline, pipeline.problems.now()
            time.sleep(0.05)
        with busy_machine(), Heartbeat() as heart:
            halves, memory = [], []
            for _ in range(2):
                stats.restart()
                heart.reset()
                since = time.monotonic()
                threading.Event().wait(SECONDS)
                problem = feed_problem(list(sink.times), since, time.monotonic(), heart)
                halves.append(stats.snapshot())
                memory.append(psutil.Process().memory_info().rss)
                print(problem, halves[-1], heart.lost(), memory[-1] >> 20)
                assert problem is None
    finally:
        pipeline.stop()
    work = []
    for half in halves:
        latency, stages = half["latency_ms"], half["stages_ms"]
        assert isinstance(latency, dict)
        finding = middle(stages, "upload", "motion", "inference", "smoothing", "edges")
        finishing = middle(stages, "blur", "colour", "publish")
        # A frame waits for its capture, its alpha, the picture before it, and its own picture.
        assert latency["p50"] < 1.5 * (1000 / FPS + finding + 2 * finishing) + 100
        work.append(finding + finishing)
        assert half["frames"]
    assert stats.dropped > stats.frames
    first, second = (np.array([half["latency_ms"]["p50"]]) for half in halves)  # type: ignore[index]
    slower = max(1.0, work[1] / work[0])  # the machine itself, in the second half
    assert second[0] < 1.5 * slower * first[0] + 50  # a backlog would grow
    assert memory[1] < memory[0] + 150 * 2**20  # six frames
