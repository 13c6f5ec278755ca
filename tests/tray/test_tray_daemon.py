"""The daemon as the tray shows it: its state, its end, why it does not start, its preview."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("PySide6", reason="needs the extra tray")

from support.tray.qt import soon
from support.tray.reports import report
from support.tray.trays import entry

from bgblur.config.file import load, set_value
from bgblur.daemon.status import StatusFile
from bgblur.tray.state import TrayState
from bgblur.tray.tray import Tray

pytest_plugins = ["support.tray.trays"]
pytestmark = pytest.mark.usefixtures("own_home")


def test_the_state_is_shown_and_the_end_reported_once(
    make: Callable[..., Tray], config: Path, status: StatusFile, said: list[str]
) -> None:
    status.write(report(config))
    tray = make(config)
    assert tray.seen
    assert tray.seen.state == TrayState.BLURRING
    words, problem, outputs = tray.menu.menu.actions()[:3]
    assert words.text() == "Your background is hidden"
    assert not problem.isVisible()
    assert not outputs.isVisible()
    assert not entry(tray.menu.menu, "Start bgblur").isVisible()
    two = [{"device": "web", "name": "preview page"}, {"device": "/dev/video10", "name": None}]
    status.write(report(config, "no camera", problem="the camera was unplugged", outputs=two))
    assert soon(lambda: "unplugged" in tray.icon.toolTip())
    assert problem.isVisible()
    assert problem.text() == "the camera was unplugged"
    assert outputs.text() == "To web, /dev/video10 (not open)"
    assert outputs.isVisible()
    assert outputs.text() in tray.icon.toolTip()
    assert said == []
    status.remove()
    assert soon(lambda: said)
    assert "has stopped" in said[0]
    assert entry(tray.menu.menu, "Start bgblur").isVisible()
    soon(lambda: False, 1.3)
    assert len(said) == 1


def test_a_daemon_that_never_ran_is_not_reported_as_stopped(
    make: Callable[..., Tray], config: Path, said: list[str]
) -> None:
    tray = make(config)
    soon(lambda: False, 1.2)
    assert tray.seen
    assert tray.seen.state == TrayState.STOPPED
    assert said == []


def test_a_daemon_that_cannot_start_says_why(
    make: Callable[..., Tray], config: Path, said: list[str]
) -> None:
    set_value(config, "camera.device", "gone.mp4")
    set_value(config, "output.device", "web")
    tray = make(config)
    entry(tray.menu.menu, "Start bgblur").trigger()
    assert tray.menu.menu.actions()[0].text() == "Starting"
    assert soon(lambda: said)
    assert "gone.mp4" in said[0]
    assert not said[0].startswith("bgblur-cam:")


def test_a_preview_that_is_off_is_switched_on(
    make: Callable[..., Tray],
    config: Path,
    status: StatusFile,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []

    def browser(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr("webbrowser.open", browser)
    menu = make(config).menu.menu
    entry(menu, "Open preview").trigger()
    assert soon(lambda: said)
    assert "start bgblur-cam first" in said.pop()
    status.write(report(config))
    entry(menu, "Open preview").trigger()
    assert soon(lambda: load(config).output.preview)
    status.write(report(config, preview="http://127.0.0.1:1/"))
    assert soon(lambda: opened == ["http://127.0.0.1:1/"])
    assert said == []
