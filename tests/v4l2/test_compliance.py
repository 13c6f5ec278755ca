"""v4l2-compliance on the virtual camera: only the module itself may cause failures."""

from __future__ import annotations

import re

from support.v4l2.clients import Watcher, is_red
from support.v4l2.daemons import RED, announced, set_pattern, start_daemon
from support.v4l2.guest import OUTPUT, Guest


def test_the_daemon_adds_no_failure(guest: Guest, each_loopback: str) -> None:
    alone = _failures(guest)
    guest.load_loopback(each_loopback)  # what the checks did to it is undone
    guest.load_cameras()
    set_pattern(guest, RED)
    with announced(guest, start_daemon(guest)):
        # One client at a time: the older modules stop every client where one stops.
        with Watcher(guest) as watcher:
            watcher.wait_for("live frames", is_red)
        fed = _failures(guest)
        with Watcher(guest) as watcher:
            watcher.wait_for("live frames again", is_red, 20)
    assert fed <= alone


def _failures(guest: Guest) -> set[str]:
    """The tests that fail."""
    out = guest.run("v4l2-compliance", "-d", OUTPUT, timeout=120).out
    assert "Total for v4l2 loopback device" in out
    print(out.strip().splitlines()[-1])
    return set(re.findall(r"test (.+): FAIL", out))
