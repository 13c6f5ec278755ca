"""The tray in a real panel: real clicks, and what is then on the screen."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest

pytest.importorskip("PySide6", reason="needs the extra tray")

from support.tray.desktop import MISSING, TESTS, Desktop, eventually
from support.tray.reports import report

from bgblur.config.file import default_path, load, set_value
from bgblur.config.settings import Settings
from bgblur.daemon.status import StatusFile, running

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[Desktop]:
    with Desktop(tmp_path) as desktop:
        yield desktop


def settings() -> Settings:
    return load(default_path())


def shows(desktop: Desktop, rgb: str) -> bool:
    """Whether a good part of the icon in the panel has this colour."""
    wanted = np.array([int(rgb[i : i + 2], 16) for i in (4, 2, 0)])
    return bool((np.abs(desktop.icon().astype(int) - wanted).max(axis=2) < 12).mean() > 0.2)


TEAL, AMBER, GRAY, RED = "2a857d", "c2590a", "6b7280", "d02f2f"


def test_clicks_in_a_panel(desktop: Desktop) -> None:
    status = StatusFile()
    status.write(report(default_path()))
    desktop.bgblur("tray")
    assert eventually(partial(shows, desktop, TEAL))

    desktop.choose("Light")
    assert eventually(lambda: settings().background.strength == 30)

    x, y = desktop.open_menu(button=1)["slider"]  # a left click opens it too
    desktop.mouse("mousemove", x, y, "mousedown", 1)
    for step in range(12):
        desktop.mouse("mousemove", x + 10 * step, y)
        time.sleep(0.03)
    desktop.mouse("mouseup", 1)
    assert eventually(lambda: settings().background.strength > 80)
    assert "Mirror" in desktop.entries(), "the menu stays open under the slider"
    desktop.mouse("key", "Escape")

    desktop.choose("Mirror")
    desktop.choose("Pause")
    desktop.choose("Background", "None: show the room")
    assert eventually(lambda: settings().background.mode == "none")
    assert settings().camera.mirror
    assert settings().output.paused

    desktop.mouse("key", "ctrl+alt+p")
    assert eventually(lambda: not settings().output.paused), "a key, with no window in focus"

    for state, color in (("off", AMBER), ("paused", GRAY), ("idle", GRAY), ("no camera", RED)):
        status.write(report(default_path(), state))
        assert eventually(partial(shows, desktop, color)), state
    status.remove()
    assert eventually(lambda: not shows(desktop, RED))
    assert eventually(lambda: desktop.shot()[30:90, -200:].mean() > 100), "it says so"


def test_a_picture_a_file_and_a_page(desktop: Desktop, tmp_path: Path) -> None:
    """The dialog, the editor and the browser."""
    page = "http://127.0.0.1:1/?token=t"
    StatusFile().write(report(default_path(), preview=page))
    desktop.bgblur("tray")
    assert eventually(partial(shows, desktop, TEAL))
    desktop.choose("Edit configuration")
    assert eventually(desktop.opened.exists)
    assert desktop.opened.read_text().removeprefix("file://") == str(default_path())
    assert settings() == Settings()
    assert "# strength = 60" in default_path().read_text()
    desktop.opened.unlink()

    desktop.choose("Open preview")
    assert eventually(desktop.opened.exists)
    assert desktop.opened.read_text() == page

    room = tmp_path / "my room.png"
    room.write_bytes(b"")
    desktop.choose("Background", "Picture…")
    title = ["search", "--sync", "--onlyvisible", "--name", "The picture behind you"]
    desktop.mouse(*title, "windowfocus", "--sync")
    for _ in range(5):  # its first keys may be lost on a busy machine
        desktop.mouse("key", "ctrl+a", "type", "--delay", "20", str(room))
        if eventually(lambda: desktop.sees(f"typed {room}"), 10):
            break
    desktop.mouse("key", "Return")
    assert eventually(lambda: settings().background.mode == "image")
    assert settings().background.image == str(room)


def test_quit_leaves_a_daemon_that_somebody_else_started(desktop: Desktop) -> None:
    StatusFile().write(report(default_path()))  # this process is the daemon
    tray = desktop.bgblur("tray")
    assert eventually(partial(shows, desktop, TEAL))
    second = desktop.bgblur("tray", stderr=subprocess.PIPE)
    assert b"is already in the panel" in second.communicate(timeout=60)[1]
    assert second.returncode == 2
    desktop.choose("Quit the tray only")
    assert tray.wait(60) == 0


@pytest.mark.slow
def test_the_daemon_and_its_tray(desktop: Desktop) -> None:
    set_value(default_path(), "camera.device", "demo")
    set_value(default_path(), "output.device", "web")

    def start() -> tuple[subprocess.Popen[bytes], psutil.Process]:
        daemon = desktop.bgblur("--tray")
        assert eventually(partial(shows, desktop, TEAL), 180)
        assert eventually(lambda: any(r["runs"][0]["state"] == "blurring" for r in running()), 180)
        (tray,) = psutil.Process(daemon.pid).children()
        return daemon, tray

    def strength() -> int:
        return int(running()[0]["runs"][0]["strength"])

    daemon, tray = start()
    desktop.choose("Strong")
    assert eventually(lambda: strength() == 100)
    maps = Path(f"/proc/{daemon.pid}/maps")
    assert not maps.exists() or "libQt6" not in maps.read_text()
    tray.kill()
    desktop.mouse("mousemove", 100, 300)
    time.sleep(1.5)
    assert daemon.poll() is None, "the daemon runs on without its tray"
    set_value(default_path(), "background.strength", 20)
    assert eventually(lambda: strength() == 20)
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(60) == 0

    daemon, tray = start()
    daemon.kill()
    daemon.wait()
    assert eventually(lambda: not shows(desktop, TEAL))
    assert eventually(lambda: desktop.shot()[30:90, -200:].mean() > 100), "it says so"
    assert tray.is_running()
    desktop.choose("Start bgblur")
    assert eventually(lambda: len(running()) == 1, 180)
    (pid,) = [r["pid"] for r in running()]
    assert eventually(partial(shows, desktop, TEAL))
    desktop.choose("Quit bgblur")
    assert eventually(lambda: not psutil.pid_exists(pid))
    assert running() == []
    assert eventually(lambda: not tray.is_running() or tray.status() == psutil.STATUS_ZOMBIE)

    daemon, tray = start()
    daemon.send_signal(signal.SIGINT)
    assert daemon.wait(60) == 0
    assert eventually(lambda: not tray.is_running()), "the tray ends with its daemon"


def test_without_a_panel_the_preview_opens(tmp_path: Path) -> None:
    page = "http://127.0.0.1:1/?token=t"
    StatusFile().write(report(default_path(), preview=page))
    with Desktop(tmp_path, panel=False) as desktop:
        tray = desktop.bgblur("tray", stderr=subprocess.PIPE)
        (line,) = tray.communicate(timeout=90)[1].decode().splitlines()
        assert tray.returncode == 0
        assert "AppIndicator and KStatusNotifierItem Support" in line
        assert eventually(desktop.opened.exists)
        assert desktop.opened.read_text() == page


@pytest.mark.skipif(
    not shutil.which("dbus-daemon") or not shutil.which("gdbus"), reason="needs dbus and gdbus"
)
def test_a_panel_that_draws_the_menu_itself(tmp_path: Path) -> None:
    """KDE's and GNOME's way: the menu travels over D-Bus, and has no place for a slider."""
    with Desktop(tmp_path, panel=False) as desktop:
        bus = desktop.start(
            "dbus-daemon", "--session", "--nofork", "--print-address", stdout=subprocess.PIPE
        )
        assert bus.stdout
        desktop.env["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().decode().strip()
        watcher = desktop.start(
            sys.executable, str(TESTS / "support" / "tray" / "watcher.py"), stdout=subprocess.PIPE
        )
        assert watcher.stdout
        assert watcher.stdout.readline() == b"ready\n"
        desktop.bgblur("tray")
        item = watcher.stdout.readline().decode().strip()

        def call(method: str, *arguments: str) -> str:
            command = ["gdbus", "call", "--session", "--dest", item, "--object-path", "/MenuBar"]
            command += ["--method", f"com.canonical.dbusmenu.{method}", *arguments]
            done = subprocess.run(command, env=desktop.env, capture_output=True, check=True)
            return done.stdout.decode()

        def entry(label: str) -> str:
            layout = call("GetLayout", "0", "--", "-1", "['label', 'toggle-state']")
            start = layout.rindex("<(", 0, layout.index(f"'{label}'"))
            return layout[start + 2 : layout.index("}", start)]

        def click(label: str) -> None:
            call("Event", entry(label).partition(",")[0], "clicked", "<0>", "0")

        assert "'toggle-state': <1>" in entry("Medium")
        assert "_Strength: 60…" in call("GetLayout", "0", "--", "1", "['label']")
        click("Light")
        assert eventually(lambda: settings().background.strength == 30)
        assert eventually(lambda: "'toggle-state': <1>" in entry("Light"))
        set_value(default_path(), "background.strength", 100)
        assert eventually(lambda: "'toggle-state': <1>" in entry("Strong"))
        click("_Strength: 100…")
        desktop.mouse("search", "--sync", "--onlyvisible", "--name", "Blur strength")
        desktop.mouse("search", "--name", "Blur strength", "windowfocus", "--sync", "key", "Home")
        assert eventually(lambda: settings().background.strength == 0)


def test_where_qt_cannot_start_it_is_one_line(tmp_path: Path) -> None:
    for display, message in ((":9999", "could not connect to display"), (None, "no desktop here")):
        env = {key: value for key, value in os.environ.items() if key != "QT_QPA_PLATFORM"}
        env.pop("WAYLAND_DISPLAY", None)
        env.pop("DISPLAY", None)
        if display:
            env["DISPLAY"] = display
        done = subprocess.run(
            [sys.executable, "-m", "bgblur", "tray"],
            env=env,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 2
        (line,) = done.stderr.splitlines()
        assert message in line
