"""``doctor`` and ``setup`` as processes: their output lines and exit codes."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from bgblur.machine.loopback import read_loopback
from bgblur.machine.system import System

on_linux = pytest.mark.skipif(platform.system() != "Linux", reason="setup is for Linux")


def run(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bgblur", *arguments]
    return subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=90, check=False
    )


def config(tmp_path: Path, text: str) -> str:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return str(path)


def test_doctor_prints_a_line_a_check_and_how_to_fix_it(tmp_path: Path) -> None:
    broken = config(tmp_path, "[background]\nstrength = 400\n")
    done = run("doctor", "--quick", "--config", broken)
    lines = done.stdout.splitlines()
    assert all(line.split()[0] in ("ok", "warn", "fail", "fix:") for line in lines)
    (failed,) = [line for line in lines if line.startswith("fail configuration")]
    assert "line 2" in failed
    assert "config validate" in lines[lines.index(failed) + 1]
    assert done.returncode != 0
    assert done.stderr == ""


def test_doctor_as_json(tmp_path: Path) -> None:
    chosen = config(tmp_path, '[camera]\ndevice = "demo"\n[output]\ndevice = "web"\n')
    done = run("doctor", "--quick", "--json", "--config", chosen)
    checks = json.loads(done.stdout)["checks"]
    assert {check["status"] for check in checks} <= {"ok", "warn", "fail"}
    assert all(check.keys() == {"status", "title", "detail", "fix"} for check in checks)
    by_title = {check["title"]: check for check in checks}
    assert by_title["configuration"]["status"] == "ok"
    assert (done.returncode == 0) is all(check["status"] != "fail" for check in checks)


@pytest.mark.slow
def test_doctor_measures(tmp_path: Path) -> None:
    chosen = config(
        tmp_path,
        '[camera]\ndevice = "demo"\nwidth = 320\nheight = 180\n[output]\ndevice = "web"\n',
    )
    done = run("doctor", "--json", "--config", chosen)
    by_title = {check["title"]: check for check in json.loads(done.stdout)["checks"]}
    assert by_title["model"]["status"] == "ok"
    assert "frames a second at 320x180, latency" in by_title["speed"]["detail"]


@on_linux
@pytest.mark.skipif(
    read_loopback(System()).available is not None, reason="v4l2loopback is installed here"
)
def test_setup_without_the_module_is_one_line() -> None:
    for arguments in (["--dry-run"], ["--yes"]):
        done = run("setup", *arguments)
        assert done.returncode == 4
        (line,) = done.stderr.splitlines()
        assert "v4l2loopback is not" in line


@on_linux
@pytest.mark.skipif(Path("/etc/modprobe.d/bgblur.conf").exists(), reason="setup was run here")
def test_undo_where_nothing_was_done() -> None:
    done = run("setup", "--undo", "--dry-run")
    assert done.returncode == 0
    assert "nothing to do" in done.stderr


@on_linux
def test_setup_refuses_an_impossible_number() -> None:
    done = run("setup", "--video-nr", "1000", "--dry-run")
    assert done.returncode == 2
    assert "--video-nr" in done.stderr
