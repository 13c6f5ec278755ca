"""Ctrl-C, SIGTERM and a terminal that is closed: for the daemon, and for commands that have files
to tidy up.

In the latter an exception raised wherever the interpreter happens to be would break locks that
are just being taken, and leave open whether a file had got its name. So a signal is noted, and
``check`` raises.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any

POLL = 0.1  # seconds between two checks of one who waits
_ENDING = [s for s in signal.Signals if s.name in ("SIGINT", "SIGTERM", "SIGHUP")]


class _Signals:  # of the whole process
    came = False


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """From the first of them on ``check`` raises, until the block's end; more, as people press it
    again, change nothing.

    One that was ignored before stays so. For the main thread.
    """
    _Signals.came = False

    def note(*_: Any) -> None:
        _Signals.came = True

    before = {
        number: signal.signal(number, note)
        for number in _ENDING
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        ended, _Signals.came = _Signals.came, False
        for number, handler in before.items():
            # Pressed once more on the way out it must not spoil the exit code.
            signal.signal(number, signal.SIG_IGN if ended else handler)


def check() -> None:
    """Raises KeyboardInterrupt in the main thread once a signal has come."""
    if _Signals.came and threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt


class Stop:
    """An event that a signal handler may set, once and for all. ``threading.Event`` has a lock: the
    thread that is just taking it, interrupted by a handler that wants it too, would wait for ever.
    """

    def __init__(self) -> None:
        self._set: SimpleQueue[None] = SimpleQueue()  # whose put is made for handlers

    def set(self) -> None:
        self._set.put(None)

    def at_signals(self) -> None:
        """Set it when one comes, but for a SIGHUP that is ignored, as under nohup."""
        for number in _ENDING:
            if number.name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN:
                continue
            signal.signal(number, lambda *_: self.set())

    def wait(self, timeout: float) -> bool:
        """Until it is set, at most ``timeout`` seconds; whether it is. For one thread."""
        with suppress(Empty):
            self._set.get(timeout=timeout)
            self._set.put(None)
            return True
        return False
