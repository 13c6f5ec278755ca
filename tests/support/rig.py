"""A pipeline with parts that a test can control, and the detector of leaks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bgblur.compositing.look import Look
from bgblur.frame import Image
from bgblur.pipeline.backend import Backend
from bgblur.pipeline.pipeline import Pipeline
from support.faults.fairness import Heartbeat, feed_problem
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
        self.heart = Heartbeat()
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

    def wait(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self.pipeline.state, self.pipeline.problems.now())
            time.sleep(0.01)

    def get(self, value: Callable[[], Image | None]) -> Image:
        """The first picture that it gives."""
        found: list[Image] = []

        def got() -> bool:
            if (image := value()) is not None:
                found.append(image)
            return bool(found)

        self.wait(got)
        return found[0]

    def wait_state(self, state: str) -> None:
        """Until it is in force and seen: it is set while the first picture of it is made."""
        self.wait(lambda: self.pipeline.state == state)
        published = self.pipeline.stats.published
        self.wait(lambda: self.pipeline.stats.published > published + 1)


@contextmanager
def running(rig: Rig) -> Iterator[Rig]:
    rig.pipeline.start()
    with rig.heart:
        try:
            yield rig
        finally:
            rig.pipeline.stop()


def leaks(pictures: list[Image]) -> list[float]:
    return [seen for p in pictures if (seen := stripes_visible(p)) > LEAK]


def assert_within(rig: Rig, seconds: float, since: float) -> None:
    """Check that no more time has passed, but for what the machine itself takes."""
    took, lost = time.monotonic() - since, rig.heart.lost(since)[1]
    assert took < seconds + 2 * lost, f"{took:.2f} s, {lost:.2f} s of it the machine's"


def assert_fed(rig: Rig, since: float) -> None:
    """Check for 10 pictures a second, but for what the machine itself takes."""
    times = [at for at, _ in list(rig.sink.published)]
    problem = feed_problem(times, since, time.monotonic(), rig.heart)
    assert problem is None, problem
