"""Two cameras, two daemons; one of them feeds two virtual cameras."""

from __future__ import annotations

import json

from support.v4l2.clients import Watcher, is_blue, is_red, rate
from support.v4l2.daemons import BLUE, RED, announced, set_pattern, start_daemon
from support.v4l2.guest import Guest

from v4l2.conftest import load_newest

FIRST, SECOND, THIRD = "/dev/video20", "/dev/video21", "/dev/video22"


def test_each_feeds_its_own(guest: Guest) -> None:
    load_newest(guest, 20, 21, 22)
    guest.load_cameras(2)
    set_pattern(guest, RED, "/dev/video0")
    set_pattern(guest, BLUE, "/dev/video1")
    slow, both = ("--fps", "15"), ("--output", THIRD)
    with (
        announced(guest, start_daemon(guest, *slow)),
        announced(guest, start_daemon(guest, *slow, *both, camera="/dev/video1", output=SECOND)),
        Watcher(guest, FIRST) as first,
        Watcher(guest, SECOND) as second,
    ):
        start = max(
            first.wait_for("red", is_red).at,
            second.wait_for("blue", is_blue).at,
        )
        first.wait_for("red goes on", is_red, 40, after=start)
        second.wait_for("blue goes on", is_blue, 40, after=start)
        reds = [frame for frame in first.frames() if frame.at > start]
        blues = [frame for frame in second.frames() if frame.at > start]
        with Watcher(guest, THIRD) as third:
            third.wait_for("blue", is_blue)
        process = guest.bgblur("status", "--json")
        assert process.wait(60) == 0
        runs = json.loads(process.out)["runs"]
    assert all(map(is_red, reds))
    assert all(map(is_blue, blues))
    assert min(rate(reds), rate(blues)) >= 8, "emulated, four programs on two cores"
    assert {run["output"] for run in runs} == {FIRST, f"{SECOND}, {THIRD}"}
