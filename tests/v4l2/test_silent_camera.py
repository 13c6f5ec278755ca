"""A camera that stalls without an error, and one that is lost while the machine sleeps."""

from __future__ import annotations

import signal

from support.v4l2.clients import Watcher, is_card, is_red
from support.v4l2.daemons import RED, announced, clock, set_pattern, start_daemon
from support.v4l2.guest import Guest

from v4l2.test_unplugged import DRIVER


def set_dropped(guest: Guest, percent: int) -> None:
    """Vivid then fills no buffer, and a read waits for one."""
    control = f"percentage_of_dropped_buffers={percent}"
    guest.run("v4l2-ctl", "-d", "/dev/video0", "-c", control).check()


def test_a_stalled_read_becomes_a_card_and_ends(guest: Guest, loopback: str) -> None:
    guest.load_cameras()
    set_pattern(guest, RED)
    with announced(guest, start_daemon(guest)) as daemon, Watcher(guest) as watcher:
        watcher.wait_for("live frames", is_red, 20)
        set_dropped(guest, 100)
        silent = clock(guest)
        watcher.wait_for("the placeholder", is_card, 20, after=silent)
        guest.within(30, lambda: "gives no" in daemon.err, "it says what is wrong")
        set_dropped(guest, 0)
        heard = clock(guest)
        watcher.wait_for("live frames again", is_red, 20, after=heard)
        assert watcher.process.wait(0) is None


def test_a_camera_lost_in_sleep_is_found_again(guest: Guest, loopback: str) -> None:
    """The daemon is stopped as by a sleeping machine; meanwhile the device goes and comes back."""
    guest.load_cameras()
    set_pattern(guest, RED)
    with announced(guest, start_daemon(guest)) as daemon, Watcher(guest) as watcher:
        watcher.wait_for("live frames", is_red, 20)
        daemon.signal(signal.SIGSTOP)
        guest.write(f"{DRIVER}/unbind", "vivid.0")
        guest.write(f"{DRIVER}/bind", "vivid.0")
        daemon.signal(signal.SIGCONT)
        awake = clock(guest)
        watcher.wait_for(
            "live frames again", lambda frame: not is_card(frame), 20, after=awake + 1.0
        )
        assert daemon.wait(0) is None
