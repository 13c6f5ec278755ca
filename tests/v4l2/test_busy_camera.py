"""Busy cameras: another program has it, and closes it; bgblur itself feeds it."""

from __future__ import annotations

from support.v4l2.clients import Watcher, is_card, is_red
from support.v4l2.daemons import RED, announced, clock, set_pattern, start_daemon
from support.v4l2.guest import OUTPUT, Guest


def test_it_waits_and_names_the_other_program(guest: Guest, loopback: str) -> None:
    guest.load_cameras()
    set_pattern(guest, RED)
    other = guest.start("v4l2-ctl", "-d", "/dev/video0", "--stream-mmap", "--stream-count=0")
    with other:
        guest.within(20, lambda: "<" in other.err, "the other program has the camera")
        with announced(guest, start_daemon(guest)) as daemon, Watcher(guest) as watcher:
            watcher.wait_for("the placeholder", is_card, 20)
            guest.within(20, lambda: "in use by v4l2-ctl" in daemon.err, "it says who")
            assert f"({other.pid})" in daemon.err
            assert not any(is_red(frame) for frame in watcher.frames())
            other.stop()
            watcher.wait_for("live frames", is_red, 20, after=clock(guest))
            assert daemon.wait(0) is None


def test_its_own_virtual_camera_is_refused_as_a_webcam(guest: Guest, loopback: str) -> None:
    daemon = start_daemon(guest, camera=OUTPUT)
    with daemon:
        assert daemon.wait(60) == 3
    assert f"{OUTPUT} is bgblur's own virtual camera" in daemon.err
