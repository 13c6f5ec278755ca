"""Stages that work side by side, in order, with nothing dropped."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from bgblur.interrupts import POLL, check

T = TypeVar("T")
_END = object()


def ahead(items: Iterable[T], count: int = 2) -> Generator[T, None, None]:
    """``items`` in order, made in a thread of their own up to ``count`` before they are asked for.

    What ``items`` raises is raised here, in its place, and so is Ctrl-C (``interrupts``). Close the
    generator (``contextlib.closing``) to end its thread, which finishes the item it is at.
    """
    iterator = iter(items)
    with ThreadPoolExecutor(1) as thread:
        coming = deque(thread.submit(next, iterator, _END) for _ in range(count))
        try:
            while (item := _result(coming.popleft())) is not _END:
                coming.append(thread.submit(next, iterator, _END))
                yield item  # type: ignore[misc]  # only _END is no T
        finally:
            thread.shutdown(cancel_futures=True)


def _result(future: Future[T]) -> T:
    check()
    while not future.done():
        wait([future], POLL)
        check()
    return future.result()
