"""The daemon with a camera on the network: it comes and goes, and its password is never shown."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import pytest
from support.network.mjpeg_server import HEIGHT, WIDTH, MjpegServer
from support.pipeline_parts import SquareEngine, backend_of
from typer.testing import CliRunner

from bgblur.cli import app
from bgblur.config.file import load, parse
from bgblur.daemon import live_settings
from bgblur.daemon.daemon import Daemon
from bgblur.daemon.status import folder
from bgblur.errors import UsageError
from bgblur.machine.checks.cameras import check_cameras
from bgblur.service.command_line import command_line
from bgblur.tray.menu import cameras

SECRETS = ("s3cret", "wr0ng", "hu5h", "/locked", "/token")


class Running:
    """A daemon with the page as its output."""

    def __init__(self, folder: Path) -> None:
        self.camera = MjpegServer(fps=30)
        self.config = folder / "config.toml"
        self.said: list[str] = []
        self.name(self.camera.url("/locked", "me:s3cret@"))
        self._stop = threading.Event()
        self.daemon = Daemon(
            load(self.config), self.config, {"output.device": "web"}, self.said.append
        )
        self._thread = threading.Thread(target=self.daemon.run, args=(self._stop,))
        self._thread.start()

    def name(self, device: str) -> None:
        self.config.write_text(f"[camera]\ndevice = {json.dumps(device)}\n", encoding="utf-8")

    @property
    def now(self) -> dict[str, Any]:
        return self.daemon.status()

    def wait(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self.now, self.said)
            time.sleep(0.02)

    def wait_state(self, state: str) -> None:
        self.wait(lambda: self.now["state"] == state)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(60)
        self.camera.stop()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live_settings, "load_backend", lambda *_, **__: backend_of(SquareEngine()))
        daemon = Running(tmp_path_factory.mktemp("network"))
        try:
            daemon.wait_state("blurring")
            yield daemon
        finally:
            daemon.close()


def test_the_camera_goes_and_comes_back(running: Running) -> None:
    assert (running.now["width"], running.now["height"]) == (WIDTH, HEIGHT)
    running.camera.stop()
    running.wait_state("no camera")
    running.wait(lambda: "the server has ended the stream" in (running.now["problem"] or ""))
    said = len(running.said)
    time.sleep(1.5)  # it is looked for meanwhile, several times
    assert len(running.said) == said, "one line for each loss"
    running.camera.start()
    running.wait_state("blurring")
    running.wait(lambda: running.said[-1] == "camera: working again")


def test_a_wrong_password_is_not_tried_again_and_again(running: Running) -> None:
    running.name(running.camera.url("/locked", "me:wr0ng@"))
    running.wait(lambda: "refuses the user name" in (running.now["problem"] or ""))
    asked = running.camera.asked
    time.sleep(1.5)
    assert running.camera.asked == asked
    running.name(running.camera.url("/token?token=hu5h"))  # counts at once
    running.wait(lambda: running.now["state"] == "blurring", 20)  # a refusal is kept for 30 s
    running.wait(lambda: running.now["problem"] is None)


def test_nothing_shows_what_is_secret(running: Running) -> None:
    page = build_opener(ProxyHandler({}))
    address = running.now["preview"].replace("?", "api/status?")
    running.wait(lambda: running.now["source"] == "camera " + running.camera.url("/..."))
    public = running.camera.url("/...").partition("//")[2]
    shown = [
        *running.said,
        page.open(address).read().decode(),
        json.dumps(running.daemon.report()),
        *(file.read_text() for file in folder().iterdir()),
    ]
    for device in ("/locked", "/nothing?token=hu5h", "/token?token=hu5h"):
        running.name(running.camera.url(device, "me:s3cret@"))
        settings = load(running.config)
        config = ["--config", str(running.config)]
        shown += [
            json.dumps([check.as_dict() for check in check_cameras([], settings.camera.device)]),
            CliRunner().invoke(app, ["config", "show", *config]).stdout,
            cameras(settings, [])[0].text,
            str(refused(settings.camera.device)),
        ]
    assert sum(public in text for text in shown) >= len(shown) - 6
    for text in shown:
        assert not [secret for secret in SECRETS if secret in text], text


def refused(address: str) -> UsageError:
    with pytest.raises(UsageError, match="would be shown by systemctl") as caught:
        command_line(["--device", address])
    return caught.value


@pytest.mark.parametrize(
    "line",
    [
        "device = rtsp://me:s3cret@camera/token",
        'devise = "rtsp://me:s3cret@camera/token"',
        'device = ["rtsp://me:s3cret@camera/token"]',
        f'device = ["http://me:{"s3cret" * 20}@camera/token"]',
        'width = "rtsp://me:s3cret@camera/token"',
        'device = "rtsp://me:s3cret@camera/token',
    ],
)
def test_a_mistake_in_the_file_does_not_show_it(line: str) -> None:
    with pytest.raises(UsageError, match=r"config.toml line 2") as caught:
        parse(f"[camera]\n{line}\n", "config.toml")
    assert not [secret for secret in SECRETS if secret in str(caught.value)]
