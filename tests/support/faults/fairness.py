"""Measures delays of the machine itself, so that a busy machine does not pass for a slow daemon."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import psutil

_BEAT = 0.02


class Heartbeat:
    """A thread that wants to run every 20 ms. Its delay is what the machine, and the interpreter's
    lock, take from every thread. ``beats`` counts."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._late: deque[tuple[float, float]] = deque(maxlen=10_000)  # when, by how much
        self._last = self._since = time.monotonic()
        self.beats = 0
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def clock(self) -> float:
        """Seconds of beats: they pass only while the machine lets a thread run."""
        return self.beats * _BEAT

    def reset(self) -> None:
        self._since = time.monotonic()

    def lost(self, since: float | None = None) -> tuple[float, float]:
        """Seconds of delay since then, or since ``reset``: (the longest, the sum)."""
        since = self._since if since is None else since
        with self._lock:
            now = time.monotonic()  # a beat that is overdue now counts too
            late = [*self._late, (now, now - self._last - 1.5 * _BEAT)]
        delays = [min(by, at - since) for at, by in late if by > 0 and at > since]
        return max(delays, default=0.0), sum(delays)

    def _beat(self) -> None:
        while not self._stop.wait(_BEAT):
            with self._lock:
                now = time.monotonic()
                if (late := now - self._last - 1.5 * _BEAT) > 0:
                    self._late.append((now, late))
                self._last = now
                self.beats += 1

    def __enter__(self) -> Heartbeat:
        self._last = self._since = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def feed_problem(times: list[float], since: float, until: float, heart: Heartbeat) -> str | None:
    """How pictures at ``times`` fall short of 10 a second, or None.

    The delays of ``heart`` are not counted: a gap may be longer by twice its longest delay.
    """
    worst, lost = heart.lost(since)
    within = [since, *(at for at in times if since <= at <= until), until]
    gap = max(b - a for a, b in pairwise(within))
    fair = until - since - 2 * lost
    if len(within) - 2 < int(10 * fair) - 2:
        return f"{len(within) - 2} pictures in {until - since:.2f} s ({lost:.2f} s lost)"
    if gap > 0.25 + 2 * worst:
        return f"a gap of {gap:.2f} s ({worst:.2f} s of it the machine's)"
    return None


def crowding() -> float:
    """How many times longer than alone a thread takes for its work, as others use the processors
    too; 1 where none does."""
    began, spent = time.monotonic(), time.thread_time()
    while time.thread_time() - spent < 0.1:
        pass
    return max(1.0, (time.monotonic() - began) / 0.1)


@contextmanager
def no_descriptor_stays() -> Iterator[None]:
    """A file that a thread has open at the moment is no leak: it is soon closed."""
    process = psutil.Process()
    before = process.num_fds() if os.name == "posix" else 0
    yield
    deadline = time.monotonic() + 10
    while os.name == "posix" and (more := process.num_fds() - before) > 0:
        assert time.monotonic() < deadline, f"{more} descriptors more than before"
        time.sleep(0.05)
