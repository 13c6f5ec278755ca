"""Measures delays of the machine itself, so that a busy machine does not pass for a slow daemon."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import psutil

_BEAT = 0.02


class Heartbeat:
    """A thread that wants to run every 20 ms. Its delay is what the machine, and the interpreter's
    lock, take from every thread."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._worst = self._sum = 0.0
        self._last = time.monotonic()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def reset(self) -> None:
        with self._lock:
            self._worst = self._sum = 0.0
            self._last = max(self._last, time.monotonic() - _BEAT)

    def lost(self) -> tuple[float, float]:
        """Seconds of delay since ``reset``: (the longest, the sum)."""
        with self._lock:
            # A beat that is overdue now counts too.
            late = max(0.0, time.monotonic() - self._last - 1.5 * _BEAT)
            return max(self._worst, late), self._sum + late

    def _beat(self) -> None:
        while not self._stop.wait(_BEAT):
            with self._lock:
                now = time.monotonic()
                late = max(0.0, now - self._last - 1.5 * _BEAT)
                self._last = now
                self._worst, self._sum = max(self._worst, late), self._sum + late

    def __enter__(self) -> Heartbeat:
        self._last = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def feed_problem(times: list[float], since: float, until: float, heart: Heartbeat) -> str | None:
    """How pictures at ``times`` fall short of 10 a second, or None.

    The delays of ``heart`` are not counted: a gap may be longer by twice its longest delay.
    """
    worst, lost = heart.lost()
    within = [since, *(at for at in times if since <= at <= until), until]
    gap = max(b - a for a, b in pairwise(within))
    fair = until - since - 2 * lost
    if len(within) - 2 < int(10 * fair) - 2:
        return f"{len(within) - 2} pictures in {until - since:.2f} s ({lost:.2f} s lost)"
    if gap > 0.25 + 2 * worst:
        return f"a gap of {gap:.2f} s ({worst:.2f} s of it the machine's)"
    return None


@contextmanager
def no_descriptor_stays() -> Iterator[None]:
    process = psutil.Process()
    before = process.num_fds() if os.name == "posix" else 0
    yield
    after = process.num_fds() if os.name == "posix" else 0
    assert after <= before, f"{after - before} descriptors more than before"
