"""The camera's size changes while a program watches: what it sees stays a picture."""

from __future__ import annotations

from support.v4l2.clients import Watcher, is_card, is_red
from support.v4l2.daemons import RED, announced, clock, set_pattern, start_daemon, status
from support.v4l2.guest import Guest

from v4l2.test_on_demand_camera import CANNOT_TELL, RESTING

SIZE = (640, 360)


def test_a_watching_program_keeps_the_size(guest: Guest, each_loopback: str) -> None:
    guest.load_cameras()
    set_pattern(guest, RED)
    with announced(guest, start_daemon(guest, settings=RESTING)):
        with Watcher(guest) as watcher:
            watcher.wait_for("live frames", is_red, 10)
            _set_size(guest, *SIZE)
            watcher.wait_for("live frames again", is_red, 20, after=clock(guest) + 1)
            assert all(is_red(frame) or is_card(frame) for frame in watcher.frames())
        if each_loopback in CANNOT_TELL:
            return
        guest.within(20, lambda: _size(guest) == SIZE, "the size that was asked for")
        with Watcher(guest) as another:
            another.wait_for("live frames for the next", is_red, 10)
            assert "640x360" in another.process.err


def _set_size(guest: Guest, width: int, height: int) -> None:
    file = guest.exchange / "video20.toml"
    for key, value in (("camera.width", width), ("camera.height", height)):
        process = guest.bgblur("config", "set", key, str(value), "--config", file)
        assert process.wait(60) == 0, process.err


def _size(guest: Guest) -> tuple[int, int] | None:
    run = status(guest)
    return (run["width"], run["height"]) if run is not None else None
