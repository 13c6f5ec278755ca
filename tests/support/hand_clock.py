"""A clock that a test sets by hand, in place of the module ``time``."""

from __future__ import annotations


class Clock:
    """Begins at 1000 seconds; ``sleep`` returns at once, that much later."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
