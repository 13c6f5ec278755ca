"""The tray's keys, with a portal on a private bus."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

pytest.importorskip("PySide6", reason="needs the extra tray")
pytest.importorskip("jeepney", reason="needs the extra tray")

from support.tray.qt import soon
from support.tray.shown import keys, paused, strength, tray
from typer.testing import CliRunner

from bgblur.cli import app
from bgblur.config.file import default_path, set_value

pytest_plugins = ["support.tray.trays"]
pytestmark = pytest.mark.skipif(not shutil.which("dbus-daemon"), reason="needs dbus-daemon")
PORTAL = Path(__file__).parents[1] / "support" / "tray" / "portal.py"


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """And a bus of its own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("DISPLAY", raising=False)
    command = ["dbus-daemon", "--session", "--nofork", "--print-address"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as bus:
        assert bus.stdout
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.stdout.readline().strip())
        yield
        bus.terminate()


@contextmanager
def portal(answer: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(PORTAL), str(answer)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.terminate()


def test_a_key_anywhere_changes_the_blur_and_pauses(said: list[str]) -> None:
    with portal(0) as desktop, tray() as shown:
        assert desktop.stdin
        assert desktop.stdout
        bound = desktop.stdout.readline()
        assert bound == "toggle-blur=CTRL+ALT+b pause=CTRL+ALT+p\n"
        off, on = "Turn the blur off: CTRL+ALT+b", "Turn the blur on: CTRL+ALT+b"
        assert soon(lambda: keys(shown) == [off, "Pause: Press Super+P"])

        def press(name: str) -> None:
            print(name, file=desktop.stdin, flush=True)

        press("toggle-blur")
        assert soon(lambda: strength() == 0)
        assert soon(lambda: keys(shown)[0] == on)
        press("pause")
        assert soon(paused)
        press("toggle-blur")
        assert soon(lambda: strength() == 60)
        press("pause")
        assert soon(lambda: not paused())

        set_value(default_path(), "tray.toggle_key", "super+pageup")
        set_value(default_path(), "tray.pause_key", "")
        assert soon(lambda: list(shown._shortcuts._keys) == ["toggle-blur"])
        while bound != "toggle-blur=LOGO+Prior\n":  # one line for each edit that it saw
            bound = desktop.stdout.readline()
            assert bound
        assert soon(lambda: keys(shown) == ["Turn the blur off: LOGO+Prior"])
        press("F9 & more of toggle-blur")
        assert soon(lambda: keys(shown) == ["Turn the blur off: F9  more"])
        press(" of toggle-blur")
        assert soon(lambda: keys(shown) == []), "the user has taken the key away"
        press("toggle-blur")
        assert soon(lambda: strength() == 0)
    assert said == []


def test_a_refusal_is_one_line_and_the_tray_goes_on(said: list[str]) -> None:
    with portal(1), tray() as shown:
        assert soon(lambda: said)
        (line,) = said
        assert "gives bgblur no keys (refused)" in line
        assert "bgblur-cam toggle" in line
        assert keys(shown) == []
        set_value(default_path(), "background.strength", 30)
        assert soon(lambda: shown._settings.background.strength == 30)


@pytest.mark.parametrize("bus", [True, False])
def test_without_a_portal_nothing_is_said(
    bus: bool, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not bus:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    with tray() as shown:
        thread = shown._shortcuts.thread
        assert thread is not None
        assert soon(lambda: not thread.is_alive())
    assert said == []


@pytest.mark.parametrize(
    ("answer", "display", "line"),
    [
        (None, True, "the X server gives bgblur no keys (Can't connect to display"),
        (-1, True, "the X server gives bgblur no keys (Can't connect to display"),
        (-1, False, "the desktop gives bgblur no keys (it has ended)"),
        (1, True, "the desktop gives bgblur no keys (refused)"),
    ],
)
def test_x11_is_asked_where_no_portal_answers(
    answer: int | None,
    display: bool,
    line: str,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """But what the desktop's user has refused is not taken by another way."""
    for name in ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
        monkeypatch.delenv(name, raising=False)
    if display:
        monkeypatch.setenv("DISPLAY", ":9999")  # no server
    with nullcontext() if answer is None else portal(answer), tray():
        assert soon(lambda: said)
    (only,) = said
    assert only.startswith(line)


def test_keys_can_be_left_to_the_desktop() -> None:
    default_path().parent.mkdir(parents=True)
    set_value(default_path(), "tray.shortcuts", False)
    with tray() as shown:
        assert shown._shortcuts.thread is None


def test_the_command_that_a_desktop_binds() -> None:
    for said, now in (("paused\n", True), ("not paused\n", False)):
        done = CliRunner().invoke(app, ["pause"])
        assert (done.exit_code, done.output) == (0, said)
        assert paused() is now
