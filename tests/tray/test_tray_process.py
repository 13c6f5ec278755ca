from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bgblur.tray.daemon import OwnDaemon
from bgblur.tray.process import TrayProcess

SLEEPER = "import time\ntime.sleep(60)"


def test_the_tray_ends_with_its_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bgblur.py").write_text(SLEEPER)
    monkeypatch.chdir(tmp_path)  # where python -m looks first
    me = psutil.Process()
    before = set(me.children())
    with TrayProcess(tmp_path / "config.toml"):
        (child,) = set(me.children()) - before
        assert child.is_running()
    assert not child.is_running()


def test_a_tray_that_has_ended_already_is_no_error(tmp_path: Path) -> None:
    with TrayProcess(tmp_path / "missing.toml") as tray:
        tray._process.kill()
        tray._process.wait()


def test_the_daemon_that_started_the_tray_is_its_own(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEPER]) as process:
        own = OwnDaemon(tmp_path / "config.toml", process.pid)
        assert own.alive
        own.end()
        assert process.wait(60) != 0
        own.end()
    assert not OwnDaemon(tmp_path / "config.toml", process.pid).alive
    assert not OwnDaemon(tmp_path / "config.toml").alive
