"""``scripts/run`` on a machine without camera and loopback, watched in a real Chromium."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from browser import ARGUMENTS, CHROMIUM
from looks import detail
from playwright.sync_api import Page, sync_playwright

from bgblur.frame import Image

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.slow,
]


@dataclass
class Live:
    page: Page
    config: Path


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """The daemon as the README starts it, and a browser on its page."""
    environment = {
        **os.environ,
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }
    daemon = subprocess.Popen(
        [str(ROOT / "scripts" / "run")], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        assert daemon.stderr is not None
        address = None
        while address is None:
            line = daemon.stderr.readline()
            assert line, "scripts/run ended without an address"
            address = re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", line)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(address[0])
            yield Live(page, tmp_path / "config" / "bgblur" / "config.toml")
            browser.close()
    finally:
        daemon.send_signal(signal.SIGINT)
        daemon.communicate(timeout=20)


def see(page: Page) -> Image:
    """What the picture on the page looks like now."""
    shot = page.locator("#after").screenshot()
    image = cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image


def room_detail(picture: Image) -> float:
    """Fine detail in the top corners, where the demo shows the room and never the person."""
    rows, columns = picture.shape[0] // 4, picture.shape[1] // 5
    energy = detail(picture)[:rows]
    return float(energy[:, :columns].mean() + energy[:, -columns:].mean())


def wait_until(condition: object, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_the_picture_moves_is_blurred_and_the_slider_changes_it(live: Live) -> None:
    page = live.page
    page.get_by_text(re.compile("blur", re.IGNORECASE)).first.wait_for(timeout=60_000)
    wait_until(lambda: page.evaluate("document.querySelector('#after').naturalWidth") == 1280)
    time.sleep(2)

    first = see(page)
    time.sleep(1)
    second = see(page)
    assert np.abs(first.astype(int) - second).mean() > 1  # it moves

    slider = page.get_by_role("slider", name=re.compile("strength", re.IGNORECASE))
    blurred = room_detail(see(page))
    slider.focus()
    page.keyboard.press("Home")
    wait_until(lambda: live.config.exists() and "strength = 0" in live.config.read_text())
    wait_until(lambda: room_detail(see(page)) > 5 * blurred)  # the raw room is sharp

    page.keyboard.press("End")
    wait_until(lambda: "strength = 100" in live.config.read_text())
    wait_until(lambda: room_detail(see(page)) < 1.5 * blurred)
