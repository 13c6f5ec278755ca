from __future__ import annotations

import time

from bgblur.sources.pace import Pacer


def test_after_a_delay_it_does_not_catch_up() -> None:
    """Missed frames are not repeated: a burst would only fill the output's queue."""
    pacer = Pacer(50)
    pacer.wait()
    time.sleep(0.3)  # the time of fifteen frames
    began = time.monotonic()
    for _ in range(10):
        pacer.wait()
    assert time.monotonic() - began >= 0.15
