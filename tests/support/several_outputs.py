"""Several outputs at once: sinks that block or break, and a pipeline that feeds them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from bgblur.compositing.card import card
from bgblur.compositing.look import Look
from bgblur.errors import BgblurError, OutputError, UsageError
from bgblur.frame import Image
from bgblur.pipeline import output_thread, sink_keeper
from bgblur.pipeline.pipeline import Pipeline
from bgblur.pipeline.state import Part
from support.pipeline_parts import (
    HEIGHT,
    SHARP,
    WIDTH,
    RecordingSink,
    SquareEngine,
    backend_of,
)
from support.rig import Rig

FULL = "the disk is full"


class Blocking(RecordingSink):
    """Does not return from ``publish`` while ``stuck`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.stuck = threading.Event()

    def publish(self, picture: Image) -> None:
        while self.stuck.is_set():
            time.sleep(0.01)
        super().publish(picture)


class Tape(RecordingSink):
    """A recording; closing it takes ``takes`` seconds, or while ``slow`` is set, and raises
    ``error``."""

    kept = True
    resizing = "never"

    def __init__(self, takes: float = 0.0, error: str | None = None) -> None:
        super().__init__()
        self.takes, self.error = takes, error
        self.slow = threading.Event()

    def publish(self, picture: Image) -> None:
        if self.refuse.is_set():
            raise OutputError(FULL)
        super().publish(picture)

    def close(self) -> None:
        time.sleep(self.takes)
        while self.slow.is_set():
            time.sleep(0.01)
        super().close()
        if self.error is not None:
            raise OutputError(self.error)


class Planar(RecordingSink):
    pixel_format = "i420"


def refused(*_: object) -> RecordingSink:
    raise UsageError("talk.mp4 exists already")


@contextmanager
def feeding(look: Look | None = None, **sinks: Any) -> Iterator[Rig]:
    """A running pipeline with these outputs, each of which is open."""
    rig = Rig()
    rig.pipeline = Pipeline(
        rig.source, sinks, lambda: backend_of(SquareEngine()), look or Look(), SHARP
    )
    rig.pipeline.start()
    with rig.heart:
        try:
            rig.wait(lambda: rig.pipeline.stats.frames > 3)
            yield rig
        finally:
            rig.pipeline.stop()


def more(rig: Rig, sink: RecordingSink, count: int = 8) -> None:
    begun = len(sink.published)
    rig.wait(lambda: len(sink.published) >= begun + count)


def problem(rig: Rig) -> str:
    return rig.pipeline.problems.now().get(Part.OUTPUT, "")


def error(rig: Rig) -> BgblurError | None:
    return rig.pipeline.fatal


def shows(sink: RecordingSink, text: str) -> bool:
    return np.array_equal(sink.published[-1][1], card(WIDTH, HEIGHT, text))


def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for an output that does not respond."""
    monkeypatch.setattr(output_thread, "BLOCKED_AFTER", 0.3)
    monkeypatch.setattr(sink_keeper, "RETRY_LAST", 0.3)
