from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgblur.offline.overlap import ahead


@given(st.lists(st.integers()), st.integers(1, 5))
def test_items_come_in_order(items: list[int], count: int) -> None:
    assert list(ahead((2 * item for item in ahead(items)), count)) == [2 * item for item in items]


def test_an_error_comes_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("the third")

    got: list[int] = []
    with pytest.raises(ValueError, match="the third"), closing(ahead(items())) as coming:
        got.extend(iter(coming.__next__, None))
    assert got == [1, 2]


def test_stages_work_at_the_same_time() -> None:
    """The last stage has the first item while the first stage has the third."""
    all_busy = threading.Barrier(3, timeout=30)

    def stage(items: Iterator[int], meets_at: int) -> Iterator[int]:
        for item in items:
            if item == meets_at:
                all_busy.wait()  # raises if the other two stages do not come
            yield item

    last = stage(ahead(stage(ahead(stage(iter(range(10)), 2)), 1)), 0)
    assert list(last) == list(range(10))


def test_only_count_items_are_made_in_advance() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            made.append(item)
            yield item

    with closing(ahead(items(), 2)) as coming:
        assert next(coming) == 0
        deadline = time.monotonic() + 60
        while len(made) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        assert len(made) == 3


def test_closing_ends_the_threads() -> None:
    before = set(threading.enumerate())
    with closing(ahead(range(100))) as first, closing(ahead(first)) as second:
        assert next(second) == 0
        assert len(set(threading.enumerate()) - before) == 2
    assert not set(threading.enumerate()) - before
