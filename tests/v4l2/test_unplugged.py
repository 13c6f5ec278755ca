"""The camera is pulled out while a meeting runs, and put back."""

from __future__ import annotations

import os
import time

from support.v4l2.clients import Watcher, is_card, is_red, longest_gap, rate
from support.v4l2.daemons import RED, announced, clock, set_pattern, start_daemon
from support.v4l2.guest import Guest, Process

DRIVER = "/sys/bus/platform/drivers/vivid"
RESUMES_WITHIN = 2.0


def test_the_output_goes_on_and_the_camera_comes_back(guest: Guest, loopback: str) -> None:
    guest.load_cameras()
    set_pattern(guest, RED)
    with announced(guest, start_daemon(guest)) as daemon, Watcher(guest) as watcher:
        watcher.wait_for("live frames", is_red, 20)

        unplugged = clock(guest)
        guest.write(f"{DRIVER}/unbind", "vivid.0")
        card = watcher.wait_for("the placeholder", is_card, after=unplugged)
        began, busy = time.monotonic(), _processor_seconds(guest, daemon)
        watcher.wait_for("the placeholder goes on", is_card, 60, after=unplugged)
        cores = (_processor_seconds(guest, daemon) - busy) / (time.monotonic() - began)
        cards = [frame for frame in watcher.frames() if frame.at >= card.at]
        assert all(is_card(frame) for frame in cards)
        assert "unplugged" in daemon.err or "there is no camera" in daemon.err

        guest.write(f"{DRIVER}/bind", "vivid.0")
        plugged = clock(guest)
        live = watcher.wait_for("live frames again", lambda f: not is_card(f), after=plugged)
        watcher.wait_for("live frames go on", lambda f: not is_card(f), 20, after=plugged)
        frames = watcher.frames()

    print(
        f"placeholder: {rate(cards):.1f} frames a second, {cores:.2f} cores; "
        f"longest gap {longest_gap(frames):.2f} s; live again after {live.at - plugged:.2f} s"
    )
    assert rate(cards) >= 10
    assert cores < 0.5, "emulated: a tenth of a real core"
    assert longest_gap(frames) < 1.0
    assert live.at - plugged < RESUMES_WITHIN


def _processor_seconds(guest: Guest, process: Process) -> float:
    fields = guest.read(f"/proc/{process.pid}/stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
