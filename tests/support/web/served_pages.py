"""The real servers of both pages, each with a harmless stand-in behind it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import numpy as np
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from bgblur.devices.choices import CameraChoice
from bgblur.errors import UsageError
from bgblur.localhost.newest import NewestPicture
from bgblur.localhost.server import LocalServer
from bgblur.sinks.web.app import build_app
from bgblur.sources.demo import DemoSource
from bgblur.training.record.folder import RecordFolder
from bgblur.training.record.record import Recorder, RecordPlan
from bgblur.training.record.server import build_record_app

PAGES = ("preview", "recorder")
SHOT = "0001"


class Served:
    """``changed`` counts the changes that requests made; streams end at once unless ``live``."""

    def __init__(self, page: str, folder: Path, live: bool = False) -> None:
        self.changed = 0
        self.newest = NewestPicture()
        self.newest.put(np.full((32, 48, 3), 90, np.uint8))
        if not live:
            self.newest.close()
        self.folder = RecordFolder(folder)
        self.folder.add(np.full((32, 48, 3), 90, np.uint8), np.zeros((32, 48), np.float32))
        self.app: ASGIApp | None = None
        self._client = httpx.Client(trust_env=False, verify=False, timeout=60)
        self._page = page
        self.server = LocalServer(self._built, page)
        parts = urlsplit(self.server.url)
        self.port = int(parts.port or 0)
        self.origin = f"http://{parts.netloc}"
        self.token = parse_qs(parts.query)["token"][0]

    @property
    def routes(self) -> list[Route]:
        assert isinstance(self.app, Starlette)
        assert all(isinstance(route, Route) for route in self.app.routes)
        return [route for route in self.app.routes if isinstance(route, Route)]

    def request(self, method: str, path: str, token: bool = True, **more: object) -> httpx.Response:
        params = {"token": self.token} if token else {}
        return self._client.request(method, self.origin + path, params=params, **more)  # type: ignore[arg-type]

    def close(self) -> None:
        self._client.close()
        self.newest.close()
        self.server.close()

    def _built(self, token: str) -> ASGIApp:
        if self._page == "preview":
            self.app = build_app(
                newest=self.newest,
                status=lambda: {"state": "blurring", "words": "Blurring"},
                change=self._change,
                cameras=lambda: [CameraChoice("HD Webcam", "/dev/video0", chosen=True)],
                before=lambda: self.newest.picture,
                matte=lambda: self.newest.picture,
                token=token,
            )
        else:
            recorder = Recorder(
                DemoSource(48, 32, 30),
                lambda image: np.zeros(image.shape[:2], np.float32),
                self.folder,
                RecordPlan(3, 1.0, False, 0.0),
            )
            self.app = build_record_app(
                newest=self.newest,
                recorder=recorder,
                folder=self.folder,
                finish=self._finish,
                token=token,
            )
        return self.app

    def _change(self, key: str, value: object) -> None:
        if key == "background.strength" and not isinstance(value, int):
            raise UsageError(f"{key} cannot be {str(value)[:20]}: it must be a whole number")
        self.changed += 1

    def _finish(self) -> None:
        self.changed += 1


@contextlib.contextmanager
def served(page: str, folder: Path, live: bool = False) -> Iterator[Served]:
    one = Served(page, folder, live)
    try:
        yield one
    finally:
        one.close()


def concrete(path: str) -> str:
    """A route's path with real values for its parameters."""
    return path.replace("{name}", SHOT)
