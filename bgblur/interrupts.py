"""Ctrl-C, SIGTERM and a closed terminal: for the daemon, and for commands with unfinished files.

An exception in the middle of such a command could break a lock that is just being taken, or hide
whether a file already has its name. So the handler only notes the signal, and ``check`` raises.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any

POLL = 0.1  # seconds between two checks while waiting
_ENDING = [s for s in signal.Signals if s.name in ("SIGINT", "SIGTERM", "SIGHUP")]


class _Signals:  # of the whole process
    came = False


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Within the block, ``check`` raises after the first signal. Further signals change nothing.

    A signal that was ignored before stays ignored. For the main thread only.
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
            # A second Ctrl-C on the way out must not change the exit code.
            signal.signal(number, signal.SIG_IGN if ended else handler)


def check() -> None:
    """Raises KeyboardInterrupt in the main thread once a signal has come."""
    if _Signals.came and threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt


class Stop:
    """An event that a signal handler may set; it stays set.

    ``threading.Event`` would not do: its lock would deadlock if the handler interrupts the thread
    that is just taking it.
    """

    def __init__(self) -> None:
        self._set: SimpleQueue[None] = SimpleQueue()  # handlers may call its ``put``

    def set(self) -> None:
        self._set.put(None)

    def at_signals(self) -> None:
        """Set it when a signal comes. A SIGHUP that is ignored, as under nohup, stays ignored."""
        for number in _ENDING:
            if number.name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN:
                continue
            signal.signal(number, lambda *_: self.set())

    def wait(self, timeout: float) -> bool:
        """Wait at most ``timeout`` seconds. Returns whether it is set. For one thread only."""
        with suppress(Empty):
            self._set.get(timeout=timeout)
            self._set.put(None)
            return True
        return False
