"""The webcam is open, and its light on, only while somebody watches."""

from __future__ import annotations

from statistics import median

from support.v4l2.clients import Watcher, is_card, is_red
from support.v4l2.daemons import RED, announced, clock, set_pattern, start_daemon
from support.v4l2.guest import OUTPUT, Guest, Process

CAMERA = "/dev/video0"
GRACE = 1.0
LIVE_WITHIN = 0.5
CANNOT_TELL = {"0.12.7"}
RESTING = f"[idle]\ngrace_seconds = {GRACE}\n"


def open_files(guest: Guest, process: Process) -> list[str]:
    listed = guest.run("sh", "-c", f"readlink /proc/{process.pid}/fd/*").out
    return listed.split()


def has_camera(guest: Guest, daemon: Process) -> bool:
    return CAMERA in open_files(guest, daemon)


def threads(guest: Guest, daemon: Process) -> int:
    return len(guest.run("ls", f"/proc/{daemon.pid}/task").check().out.split())


def test_it_opens_for_a_client_and_closes_after_the_last(guest: Guest, each_loopback: str) -> None:
    guest.load_cameras()
    set_pattern(guest, RED)
    with announced(guest, start_daemon(guest, settings=RESTING)) as daemon:
        if each_loopback in CANNOT_TELL:
            # The model is loaded by the time that a client sees live frames.
            with Watcher(guest) as watcher:
                watcher.wait_for("live frames", is_red)
            resting = guest.start("sleep", str(3 * GRACE))
            assert resting.wait(30) == 0
            assert has_camera(guest, daemon), "nobody can tell, so it must stay open"
            return
        with Watcher(guest) as watcher:  # warms the pipeline
            watcher.wait_for("live frames", is_red)
        guest.within(20, lambda: not has_camera(guest, daemon), "the camera is closed")

        waits = []
        for _ in range(3):
            before = clock(guest)
            with Watcher(guest) as watcher:
                live = watcher.wait_for("live frames", is_red, after=before)
                first = watcher.frames()[0]
                assert has_camera(guest, daemon)
            assert is_card(first), "the client sees something at once"
            waits.append(live.at - first.at)
            guest.within(20, lambda: not has_camera(guest, daemon), "the camera is closed again")
    print(f"live after {waits} s")
    assert median(waits) < LIVE_WITHIN


def test_many_clients_leak_nothing_and_each_is_noticed(guest: Guest, loopback: str) -> None:
    guest.load_cameras()
    set_pattern(guest, RED)
    with announced(guest, start_daemon(guest, settings=RESTING)) as daemon:
        with Watcher(guest) as watcher:
            watcher.wait_for("live frames", is_red)
        guest.within(20, lambda: not has_camera(guest, daemon), "the camera is closed")
        files, running = len(open_files(guest, daemon)), threads(guest, daemon)
        storm = f"for i in $(seq 50); do v4l2-ctl -d {OUTPUT} --stream-mmap --stream-count=1; done"
        guest.run("sh", "-c", storm, timeout=120)
        guest.within(20, lambda: not has_camera(guest, daemon), "the camera is closed")
        assert len(open_files(guest, daemon)) == files
        assert threads(guest, daemon) <= running
        with Watcher(guest) as watcher:
            watcher.wait_for("live frames", is_red)
        assert daemon.wait(0) is None
