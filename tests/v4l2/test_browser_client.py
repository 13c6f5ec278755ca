"""Chromium opens the virtual camera by its name, as in a meeting."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from support.v4l2 import client_page_server
from support.v4l2.daemons import BARS, HEIGHT, WIDTH, announced, set_pattern, start_daemon
from support.v4l2.guest import Guest
from support.web.browser import ARGUMENTS

SERVER = Path(client_page_server.__file__)


def test_chromium_lists_it_and_draws_moving_frames(guest: Guest, loopback: str) -> None:
    guest.load_cameras()
    set_pattern(guest, BARS)
    guest.run("v4l2-ctl", "-d", "/dev/video0", "-c", "horizontal_movement=6").check()
    with (
        announced(guest, start_daemon(guest)),
        guest.start(sys.executable, SERVER) as server,
        guest.start(
            *("chromium", "--headless=new", *ARGUMENTS),
            # Under emulation a network process of its own is taken for hung.
            "--enable-features=NetworkServiceInProcess2",
            "--disable-dev-shm-usage",
            "--use-fake-ui-for-media-stream",
            "--user-data-dir=/tmp/v4l2-chromium",
            f"http://127.0.0.1:{client_page_server.PORT}/",
        ),
    ):

        def reports() -> list[dict[str, Any]]:
            return [json.loads(line) for line in server.out.splitlines()]

        def done() -> bool:
            return any({"done", "error"} & report.keys() for report in reports())

        guest.within(600, done, "the page is done")
    said = [report["error"] for report in reports() if "error" in report]
    assert not said
    (cameras,) = (report["cameras"] for report in reports() if "cameras" in report)
    assert "bgblur" in cameras
    frames = [report for report in reports() if "row" in report]
    assert {tuple(frame["size"]) for frame in frames} == {(WIDTH, HEIGHT)}
    rows = {tuple(frame["row"]) for frame in frames}
    assert len(rows) >= 3, "the bars move"
    # Yellow: a card, or a picture in the wrong colours, has none.
    assert any(_has_yellow(row) for row in rows)


def _has_yellow(row: tuple[int, ...]) -> bool:
    pixels = zip(row[::4], row[1::4], row[2::4], strict=True)
    return any(red > 150 and green > 150 and blue < 60 for red, green, blue in pixels)
