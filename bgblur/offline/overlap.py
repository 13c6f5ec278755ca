"""Stages that work side by side, in order, with nothing dropped."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
_END = object()


def ahead(items: Iterable[T], count: int = 2) -> Generator[T, None, None]:
    """``items`` in order, made in a thread of their own up to ``count`` before they are asked for.

    What ``items`` raises is raised here, in its place. Close the generator (``contextlib.closing``)
    to end its thread, which finishes the item it is at.
    """
    iterator = iter(items)
    with ThreadPoolExecutor(1) as thread:
        coming = deque(thread.submit(next, iterator, _END) for _ in range(count))
        try:
            while (item := coming.popleft().result()) is not _END:
                coming.append(thread.submit(next, iterator, _END))
                yield item  # type: ignore[misc]  # only _END is no T
        finally:
            thread.shutdown(cancel_futures=True)
