"""A stand-in for the daemon behind the preview page, and helpers to inspect the page."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import cv2
import numpy as np
from playwright.sync_api import Locator, Page

from bgblur.config.file import Value
from bgblur.devices.choices import camera_choices
from bgblur.devices.listing import Device
from bgblur.errors import UsageError
from bgblur.frame import Image
from bgblur.pipeline.state import State
from bgblur.pipeline.words import STATE_WORDS
from bgblur.sinks.web.sink import WebSink

WIDTH, HEIGHT = 640, 360
BLUE, RED = (220, 60, 20), (20, 40, 220)
WEBCAMS = [
    Device("/dev/video0", "HD Webcam", "camera", captures=True),
    Device("/dev/video2", "Second Webcam", "camera", captures=True),
]


class PageDaemon:
    """Publishes a white square that moves over blue; in the camera's picture it moves over red."""

    def __init__(self, port: int = 0) -> None:
        self.strength = 60
        self.mode = "blur"
        self.blur = "gaussian"
        self.image = ""
        self.color = "#00b140"
        self.mirror = False
        self.geometry: dict[str, object] = {
            "rotate": 0,
            "flip": "none",
            "zoom": 1.0,
            "center": [0.5, 0.5],
            "follow": False,
            "width": "auto",
            "height": "auto",
            "fit": "contain",
            "bars": "blurred",
        }
        self.device = "demo"
        self.paused = False
        self.pause_shows = "card"
        self.state = "blurring"
        self.problem: str | None = None
        self.changes: list[tuple[str, object]] = []
        self.stages = {"inference": 14.0, "blur": 5.0}
        self.fps = 29.97
        self.bars = [0, 0, 3, 40, 160, 52, 20, 9, 6, 3, *(0,) * 9, 2]
        self.asked = {"before": 0, "alpha": 0}
        self._shift = 0
        self.sink = WebSink(
            status=self._status,
            change=self._change,
            cameras=lambda: camera_choices(self.device, WEBCAMS),
            before=self._before,
            matte=self._matte,
            port=port,
        )
        parts = urlsplit(self.sink.url)
        self.origin = f"http://{parts.netloc}"
        self.port = int(parts.port or 0)
        self.token = parse_qs(parts.query)["token"][0]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._publish)
        self._thread.start()

    def _publish(self) -> None:
        for shift in itertools.count(step=4):
            if self._stop.wait(1 / 30):
                return
            self._shift = shift
            self.sink.publish(self._picture(BLUE))

    def _picture(self, ground: tuple[int, int, int]) -> Image:
        picture = np.full((HEIGHT, WIDTH, 3), ground, np.uint8)
        left = self._shift % (WIDTH - 40)
        picture[150:190, left : left + 40] = 255
        return picture

    def _before(self) -> Image:
        self.asked["before"] += 1
        return self._picture(RED)

    def _matte(self) -> Image:
        self.asked["alpha"] += 1
        return self._picture((0, 0, 0))

    def _change(self, key: str, value: Value) -> None:
        if value == 13:
            raise UsageError("background.strength cannot be 13: choose another number")
        if key == "background.image" and not str(value).endswith(".jpg"):
            raise UsageError(f"cannot read {value}: No such file or directory; check the name")
        self.changes.append((key, value))
        name = key.partition(".")[2]
        if name in self.geometry:
            self.geometry[name] = value
        else:
            setattr(self, name, value)

    def _status(self) -> dict[str, object]:
        state = State.PAUSED if self.paused else State(self.state)
        return {
            "state": state,
            "words": STATE_WORDS[state],
            "problem": self.problem,
            "strength": self.strength,
            "blur": self.blur,
            "mode": self.mode,
            "image": self.image,
            "color": self.color,
            "mirror": self.mirror,
            "geometry": self.geometry,
            "paused": self.paused,
            "pause_shows": self.pause_shows,
            "width": WIDTH,
            "height": HEIGHT,
            "source": "moving square",
            "outputs": [
                {"device": "web", "name": "preview page"},
                {"device": "/dev/video10", "name": None},
            ],
            "network": "unet-lite",
            "input_height": 160,
            "fps": self.fps,
            "latency_ms": {"p50": 21.4, "p95": 38.2},
            "latency_histogram": {"bar_ms": 5, "counts": self.bars},
            "stages_ms": {name: {"p50": ms, "p95": 2 * ms} for name, ms in self.stages.items()},
        }

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self.sink.close()


def shot(target: Page | Locator, path: Path) -> Image:
    target.screenshot(path=path)
    picture = cv2.imread(str(path))
    assert picture is not None
    return picture.astype(np.uint8, copy=False)


def looks(pixel: Image, color: tuple[int, int, int]) -> bool:
    return bool(np.abs(pixel.astype(int) - color).max() < 40)


def eventually(page: Page, check: Callable[[], bool], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            return False
        page.wait_for_timeout(50)
    return True


def square_at(stage: Image) -> float | None:
    """The position of the white square, 0..1 of the width; None if it is not visible."""
    row = stage[stage.shape[0] * 170 // HEIGHT].min(axis=1)
    columns = np.flatnonzero(row > 200)
    return float(columns.mean() / len(row)) if len(columns) else None
