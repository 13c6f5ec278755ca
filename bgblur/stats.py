"""What a pipeline measures: time by stage, latency, rate, dropped frames."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

_WINDOW = 300  # newest values kept of each series: ten seconds at 30 fps
_BARS = 20  # of the histogram of latency
_RARELY = 16  # one run of a stage in 16 is measured where measuring waits for a GPU


class Stats:
    """Any thread may write and read. Values are milliseconds.

    ``settle`` is called before and after a measured stage, to wait for the GPU: its work then
    counts for the stage that started it. It returns whether there is a GPU. Waiting slows frames
    down, so only a few runs are measured then. The daemon passes None: it never waits. A stage
    takes what ``clock`` says, in seconds; by default real time.
    """

    def __init__(
        self,
        settle: Callable[[], bool] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._settle = settle
        self._clock = clock or time.perf_counter
        self._every = 1  # every so-manyth run of a stage is measured
        self._runs: dict[str, int] = {}
        self._thread = threading.local()  # ``inside``: time of stages in the present one
        self._lock = threading.Lock()
        self._stages: dict[str, deque[float]] = {}
        self._latency: deque[float] = deque(maxlen=_WINDOW)
        self._finished: deque[float] = deque(maxlen=_WINDOW)
        self.first_frame: float | None = None  # published at, ``time.monotonic()``
        self.published = 0  # pictures of any kind that the output took since the start
        self.frames = 0  # composited from their own alpha, or raw by choice
        self.obscured = 0  # published with the whole frame blurred, or as a card
        self.dropped = 0  # captured, but replaced by a newer frame before they were used

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block as one run of the stage ``name``, without the stages inside it."""
        run = self._runs[name] = self._runs.get(name, -1) + 1
        measured = run % self._every == 0
        if measured:
            self._settled()
        outer_inside = getattr(self._thread, "inside", 0.0)
        self._thread.inside = 0.0
        began = self._clock()
        try:
            yield
            if measured:
                self._settled()
        finally:
            took = (self._clock() - began) * 1000
            if measured:
                self.add(name, took - self._thread.inside)
            self._thread.inside = outer_inside + took

    def _settled(self) -> None:
        if self._settle is not None and self._settle():
            self._every = _RARELY

    def add(self, name: str, milliseconds: float) -> None:
        with self._lock:
            series = self._stages.get(name)
            if series is None:
                series = self._stages[name] = deque(maxlen=_WINDOW)
            series.append(milliseconds)

    def frame_done(self, captured: float) -> None:
        """A frame captured at ``captured`` (``time.monotonic()``) has just been published."""
        now = time.monotonic()
        with self._lock:
            self.frames += 1
            if self.first_frame is None:
                self.first_frame = now
            self._latency.append((now - captured) * 1000)
            self._finished.append(now)

    def restart(self) -> None:
        """Clear the series and the counters of frames, but not the time of the first frame."""
        with self._lock:
            self._stages.clear()
            self._latency.clear()
            self._finished.clear()
            self.frames = self.obscured = 0

    def fps(self) -> float:
        """Frames a second over the newest frames; 0 after two seconds without one."""
        with self._lock:
            times = list(self._finished)
        if len(times) < 2 or time.monotonic() - times[-1] > 2:
            return 0.0
        return (len(times) - 1) / max(1e-6, times[-1] - times[0])

    def snapshot(self) -> dict[str, object]:
        """``fps``, ``latency_ms``, ``stages_ms`` and the counters, as values for JSON."""
        with self._lock:
            stages = {name: list(series) for name, series in self._stages.items()}
            latency = list(self._latency)
        return {
            "fps": round(self.fps(), 2),
            "latency_ms": _percentiles(latency),
            "stages_ms": {name: _percentiles(series) for name, series in stages.items()},
            "frames": self.frames,
            "obscured": self.obscured,
            "dropped": self.dropped,
        }

    def latency_histogram(self) -> dict[str, object]:
        """The latencies of the newest frames as bars: ``counts[i]`` frames took ``i * bar_ms``
        milliseconds or more, and less than the next bar's; the last bar has no upper end."""
        with self._lock:
            latency = list(self._latency)
        if not latency:
            return {"bar_ms": 1, "counts": []}
        width = _nice_above(float(np.percentile(latency, 95)) * 1.5 / _BARS)
        bars = np.minimum(np.asarray(latency) / width, _BARS - 1).astype(int)
        return {"bar_ms": width, "counts": np.bincount(bars, minlength=_BARS).tolist()}


def _nice_above(value: float) -> int:
    """The smallest of 1, 2, 5, 10, 20, 50... that is not below ``value``."""
    power = 10 ** max(0, math.floor(math.log10(max(value, 1))))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def _percentiles(series: list[float]) -> dict[str, float]:
    if not series:
        return {"p50": 0.0, "p95": 0.0}
    p50, p95 = np.percentile(series, (50, 95))
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2)}
