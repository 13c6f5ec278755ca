"""Trays without a screen, and entries of their menus; a module loads the fixtures with
``pytest_plugins``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from bgblur.config.file import default_path, load
from bgblur.daemon.status import StatusFile
from bgblur.tray.daemon import OwnDaemon
from bgblur.tray.tray import Tray
from support.tray.qt import offscreen


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS"):  # the real desktop keeps its keys
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def config() -> Path:
    default_path().parent.mkdir(parents=True)
    return default_path()


@pytest.fixture
def status() -> Iterator[StatusFile]:
    file = StatusFile()
    yield file
    file.remove()


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The notifications."""
    lines: list[str] = []
    monkeypatch.setattr(Tray, "_notify", lambda _, line: lines.append(line))
    return lines


@pytest.fixture
def make(said: list[str]) -> Iterator[Callable[..., Tray]]:
    offscreen()
    made: list[Tray] = []

    def tray(config: Path, *, widgets: bool = True) -> Tray:
        made.append(Tray(config, load(config), OwnDaemon(config), widgets=widgets))
        made[-1].show()
        return made[-1]

    yield tray
    for one in made:
        one.close()


def entry(menu: QMenu, *texts: str) -> QAction:
    """An entry by its text, through submenus."""
    for text in texts[:-1]:
        submenu = entry(menu, text).menu()
        assert isinstance(submenu, QMenu)
        menu = submenu
    (found,) = [a for a in menu.actions() if a.text().replace("&", "") == texts[-1]]
    return found


def ticked(menu: QMenu) -> list[str]:
    return [a.text().replace("&", "") for a in menu.actions() if a.isChecked() and a.isVisible()]
