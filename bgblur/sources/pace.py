"""Keeps a source that is not a camera at a camera's pace."""

from __future__ import annotations

import time


class Pacer:
    """``wait`` returns ``fps`` times a second; after a delay it continues without catching up."""

    def __init__(self, fps: float) -> None:
        self._period = 1 / fps
        self._due = time.monotonic()

    def wait(self) -> None:
        now = time.monotonic()
        if self._due > now:
            time.sleep(self._due - now)
        self._due = max(self._due, now - self._period) + self._period
