from __future__ import annotations

import threading
import time

from bgblur.pipeline.mailbox import LatestSlot


def test_the_newest_item_replaces_an_unread_one() -> None:
    slot: LatestSlot[int] = LatestSlot()
    for item in range(5):
        slot.put(item)
    assert slot.take(0) == 4
    assert slot.replaced == 4
    assert slot.take(0) is None
    slot.put(5)
    assert slot.take(0) == 5
    assert slot.replaced == 4


def test_a_reader_waits_for_the_next_item_and_no_longer() -> None:
    slot: LatestSlot[str] = LatestSlot()
    began = time.monotonic()
    threading.Timer(0.1, slot.put, ["late"]).start()
    assert slot.take(60) == "late"
    assert 0.05 < time.monotonic() - began < 30
    began = time.monotonic()
    assert slot.take(0.1) is None
    assert time.monotonic() - began > 0.08


def test_closing_wakes_the_reader() -> None:
    slot: LatestSlot[str] = LatestSlot()
    threading.Timer(0.1, slot.close).start()
    began = time.monotonic()
    assert slot.take(60) is None
    assert slot.take(60) is None  # without waiting again
    assert time.monotonic() - began < 30


def test_no_item_comes_twice_or_out_of_order() -> None:
    slot: LatestSlot[int] = LatestSlot()
    count, taken = 3000, []

    def read() -> None:
        while (item := slot.take(60)) is not None:
            taken.append(item)

    reader = threading.Thread(target=read)
    reader.start()
    for item in range(count):
        slot.put(item)
        if item % 50 == 0:
            time.sleep(0.001)
    deadline = time.monotonic() + 60
    while (not taken or taken[-1] != count - 1) and time.monotonic() < deadline:
        time.sleep(0.001)
    slot.close()
    reader.join(60)
    assert taken == sorted(set(taken))
    assert taken[-1] == count - 1
    assert len(taken) + slot.replaced == count
