"""A pipeline with parts that a test can control, and the detector of leaks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

from bgblur.compositing.look import Look
from bgblur.frame import Image
from bgblur.pipeline.backend import Backend
from bgblur.pipeline.pipeline import Pipeline
from support.pipeline_parts import (
    SHARP,
    RecordingSink,
    SquareEngine,
    SquareSource,
    backend_of,
    stripes_visible,
)

LEAK = 0.1  # of the watermark's contrast; a properly blurred room shows less than a hundredth


class Rig:
    """A pipeline with parts that a test can control."""

    def __init__(
        self,
        engine: SquareEngine | None = None,
        load: Callable[[], Backend] | None = None,
        look: Look | None = None,
    ) -> None:
        self.source, self.sink = SquareSource(), RecordingSink()
        self.engine = engine or SquareEngine()
        self.pipeline = Pipeline(
            self.source,
            {"": self.sink},
            load or (lambda: backend_of(self.engine)),
            look or Look(),
            SHARP,
        )

    @property
    def backend(self) -> Backend:
        return backend_of(self.engine)

    def wait(self, condition: Callable[[], bool], seconds: float = 5.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self.pipeline.state, self.pipeline.problems.now())
            time.sleep(0.01)

    def wait_state(self, state: str) -> None:
        self.wait(lambda: self.pipeline.state == state)


@contextmanager
def running(rig: Rig) -> Iterator[Rig]:
    rig.pipeline.start()
    try:
        yield rig
    finally:
        rig.pipeline.stop()


def leaks(pictures: list[Image]) -> list[float]:
    return [seen for p in pictures if (seen := stripes_visible(p)) > LEAK]


def assert_fed(rig: Rig, since: float) -> None:
    """Check for 10 pictures a second or more; a single gap may be longer on a busy machine."""
    now = time.monotonic()
    times = [since, *(at for at, _ in list(rig.sink.published) if at >= since), now]
    assert (len(times) - 2) / (now - since) >= 10
    assert max(b - a for a, b in pairwise(times)) < 0.3
