"""The daemon ends or is killed, and starts again while a meeting watches."""

from __future__ import annotations

import signal

import pytest
from support.v4l2.clients import Watcher, is_red
from support.v4l2.daemons import RED, announced, clock, set_pattern, start_daemon
from support.v4l2.guest import OUTPUT, Guest

from v4l2.conftest import load_or_skip


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL], ids=["ended", "killed"])
def test_the_client_goes_on(guest: Guest, each_loopback: str, ending: signal.Signals) -> None:
    guest.load_cameras()
    set_pattern(guest, RED)
    with announced(guest, start_daemon(guest)) as daemon, Watcher(guest) as watcher:
        watcher.wait_for("live frames", is_red, 20)
        daemon.signal(ending)
        assert daemon.wait(20) == (0 if ending == signal.SIGTERM else -signal.SIGKILL)

        with announced(guest, start_daemon(guest)):
            watcher.wait_for("live frames, without a reconnect", is_red, 20, after=clock(guest))
            assert watcher.process.wait(0) is None


def test_without_the_keeper_the_oldest_loses_the_device(guest: Guest) -> None:
    """The reason for devices/loopback.py: pyvirtualcam alone writes once, and never again."""
    load_or_skip(guest, "0.12.7")
    for expected in (0, 1):
        process = guest.fork(_WRITE_ONCE, OUTPUT)
        assert process.wait(60) == expected, process.err
    assert "is not a video output device" in process.err


_WRITE_ONCE = """
import sys
import numpy
import pyvirtualcam
fmt = pyvirtualcam.PixelFormat.I420
with pyvirtualcam.Camera(320, 180, 30, device=sys.argv[1], fmt=fmt) as camera:
    camera.send(numpy.zeros((270, 320), numpy.uint8))
"""
