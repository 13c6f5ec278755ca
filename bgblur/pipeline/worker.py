"""A thread that can be replaced when a call in it never returns."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

MOST_LEFT_BEHIND = 4  # hung threads keep their memory; past this, only a restart of bgblur helps


class Turn:
    """One run of a worker's loop. The loop asks ``over`` after every call that may hang.

    Once its turn is over, a loop leaves all shared state alone: another loop has replaced it.
    """

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._replaced = False
        self._due = float("inf")

    def over(self) -> bool:
        """Whether the loop must end."""
        return self._replaced or self._stopping.is_set()

    def hangs(self) -> bool:
        """Whether the loop has missed its ``beat``."""
        return time.monotonic() > self._due

    def beat(self, patience: float) -> None:
        """Called by the loop: it is alive, and calls again within ``patience`` seconds."""
        self._due = time.monotonic() + patience

    def replace(self) -> None:
        """End the turn, though its loop may hang."""
        self._replaced = True


class Worker:
    """Runs ``loop`` in a thread until ``stopping`` is set."""

    def __init__(self, name: str, loop: Callable[[Turn], None], stopping: threading.Event) -> None:
        self.name = name
        self.left_behind: list[threading.Thread] = []
        self._loop = loop
        self._stopping = stopping
        self._turn, self._thread = self._begin()

    def _begin(self) -> tuple[Turn, threading.Thread]:
        turn = Turn(self._stopping)
        thread = threading.Thread(target=self._loop, args=(turn,), name=self.name, daemon=True)
        thread.start()
        return turn, thread

    def replace_if_hung(self) -> bool:
        """Start the loop again in a new thread if it has missed its beat. The old thread is left
        behind; it ends by itself if its call ever returns."""
        self.left_behind = [thread for thread in self.left_behind if thread.is_alive()]
        if not self._turn.hangs() or len(self.left_behind) >= MOST_LEFT_BEHIND:
            return False
        self._turn.replace()
        self.left_behind.append(self._thread)
        self._turn, self._thread = self._begin()
        return True

    def join(self, seconds: float | None) -> bool:
        """Wait for the newest thread, with None without limit. Returns whether it has ended."""
        self._thread.join(None if seconds is None else max(0.0, seconds))
        return not self._thread.is_alive()
