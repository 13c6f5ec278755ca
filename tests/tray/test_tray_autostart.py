from __future__ import annotations

import configparser
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bgblur.config.file import default_path
from bgblur.errors import UsageError
from bgblur.tray import autostart as tray_autostart

pytestmark = pytest.mark.skipif(
    not tray_autostart.available(), reason="this system has no autostart folder"
)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def command() -> list[str]:
    parser = configparser.RawConfigParser()
    parser.read(tray_autostart.entry_path(), encoding="utf-8")
    return shlex.split(parser["Desktop Entry"]["Exec"])


def test_on_and_off() -> None:
    assert not tray_autostart.enabled()
    tray_autostart.set_enabled(True, default_path())
    assert tray_autostart.enabled()
    program, *rest = command()
    assert rest[-1] == "--tray"
    assert Path(program).is_absolute()
    tray_autostart.set_enabled(False, default_path())
    tray_autostart.set_enabled(False, default_path())
    assert not tray_autostart.entry_path().exists()


def test_the_entry_starts_this_bgblur(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tray_autostart.set_enabled(True, default_path())
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    program = command()[:-1]
    done = subprocess.run([*program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "elsewhere" / "python"))
    tray_autostart.set_enabled(True, default_path())
    assert command()[:3] == [sys.executable, "-m", "bgblur"]


@pytest.mark.skipif(shutil.which("gio") is None, reason="needs gio, which reads such entries")
@pytest.mark.parametrize("name", ["my config.toml", "a\"b$c`d\\e%f'g.toml", "büro.toml"])
def test_a_desktop_understands_the_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    program, seen = tmp_path / "bgblur-cam", tmp_path / "seen"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >"{seen}.tmp"; mv "{seen}.tmp" "{seen}"\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    tray_autostart.set_enabled(True, tmp_path / name)
    subprocess.run(["gio", "launch", tray_autostart.entry_path()], check=True)
    deadline = time.monotonic() + 60
    while not seen.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert seen.read_text().splitlines() == ["--tray", "--config", str(tmp_path / name)]


@pytest.mark.parametrize("line", ["Hidden=true", "X-GNOME-Autostart-enabled=false"])
def test_switched_off_by_the_desktop(line: str) -> None:
    tray_autostart.set_enabled(True, default_path())
    path = tray_autostart.entry_path()
    path.write_text(path.read_text() + line + "\n")
    assert not tray_autostart.enabled()
    tray_autostart.set_enabled(True, default_path())
    assert tray_autostart.enabled()


@pytest.mark.skipif(
    shutil.which("desktop-file-validate") is None, reason="needs desktop-file-validate"
)
def test_the_entry_is_valid() -> None:
    tray_autostart.set_enabled(True, default_path())
    subprocess.run(["desktop-file-validate", tray_autostart.entry_path()], check=True)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("")
    with pytest.raises(UsageError, match=r"^cannot write .*bgblur\.desktop: "):
        tray_autostart.set_enabled(True, default_path())
