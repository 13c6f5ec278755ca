"""Runs the stages of a video in parallel, in order, with nothing dropped."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from bgblur.interrupts import POLL, check

T = TypeVar("T")
_END = object()


def ahead(items: Iterable[T], count: int = 2) -> Generator[T, None, None]:
    """Yield ``items`` in order; a thread makes up to ``count`` of them in advance.

    An exception of ``items`` is raised here in its place, and so is KeyboardInterrupt after Ctrl-C
    (see ``interrupts``). Close the generator (``contextlib.closing``) to end its thread, which
    finishes its current item first.
    """
    iterator = iter(items)
    with ThreadPoolExecutor(1) as thread:
        coming = deque(thread.submit(next, iterator, _END) for _ in range(count))
        try:
            while (item := _result(coming.popleft())) is not _END:
                coming.append(thread.submit(next, iterator, _END))
                yield item  # type: ignore[misc]  # _END never gets here
        finally:
            thread.shutdown(cancel_futures=True)


def _result(future: Future[T]) -> T:
    check()
    while not future.done():
        wait([future], POLL)
        check()
    return future.result()
