"""Ctrl-C and SIGTERM for commands that have files to tidy up."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """The first of them raises KeyboardInterrupt; those that follow, as people press it again,
    break neither the tidying up nor the exit code.

    A SIGINT that was ignored before stays so. For the main thread.
    """
    numbers = [
        number
        for number in (signal.SIGINT, signal.SIGTERM)
        if signal.getsignal(number) is not signal.SIG_IGN
    ]
    ended = False

    def end(*_: Any) -> None:
        nonlocal ended
        ended = True
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        if not ended:
            for number, handler in before.items():
                signal.signal(number, handler)
