from __future__ import annotations

import pytest
from support.hand_clock import Clock

from bgblur.sources.pace import Pacer


def test_after_a_delay_it_does_not_catch_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Missed frames are not repeated: a burst would only fill the output's queue."""
    clock = Clock()
    monkeypatch.setattr("bgblur.sources.pace.time", clock)
    pacer = Pacer(50)
    pacer.wait()
    clock.now += 0.3  # the time of fifteen frames
    began = clock.now
    for _ in range(10):
        pacer.wait()
    assert clock.now - began >= 0.15
