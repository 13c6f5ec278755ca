"""The real daemon without a network, and without a place to write but the user's own folders."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ALONE = Path(__file__).parents[1] / "support" / "hostile" / "alone.py"
DAEMON = [
    "-m",
    "bgblur",
    "--device",
    "demo",
    "--output",
    "web",
    "--width",
    "320",
    "--height",
    "180",
]


@cache
def can_be_shut() -> bool:
    if not (shutil.which("unshare") and shutil.which("ip") and shutil.which("mount")):
        return False
    trial = "ip link set lo up && mount -o remount,ro,bind /"
    inside = ["unshare", "--net", "--mount", "sh", "-c", trial]
    return subprocess.run(inside, capture_output=True, check=False).returncode == 0


def ran(folder: Path, *before: str, shut: bool = False) -> dict[str, Any]:
    home, report = folder / "home", folder / "home" / "report.json"
    home.mkdir()
    ended = subprocess.run(
        [*before, sys.executable, str(ALONE), str(home), str(report), *(["--shut"] if shut else []),
         sys.executable, *DAEMON, "--duration", "120"],
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def check(found: dict[str, Any], home: Path) -> None:
    assert found["code"] == 0, found["said"]
    assert "Traceback" not in found["said"]
    assert "blurring" in found["states"], found
    assert found["page"]
    assert found["picture"]
    assert found["mode"] == "0o600"
    assert set(found["sockets"]) == {"127.0.0.1"}
    theirs = ("/dev/", str(home))
    assert [path for path in found["written"] if not path.startswith(theirs)] == []


@pytest.mark.slow
def test_it_opens_no_socket_but_on_the_loopback(tmp_path: Path) -> None:
    check(ran(tmp_path), tmp_path / "home")
    left = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    names = {path.relative_to(tmp_path / "home").parts[0] for path in left}
    assert names <= {"report.json", "state", "config", "cache"}


@pytest.mark.slow
def test_it_needs_no_network_and_writes_nowhere_else(tmp_path: Path) -> None:
    if not can_be_shut():
        pytest.skip("needs root's right to a namespace of its own (unshare --net --mount)")
    check(ran(tmp_path, "unshare", "--net", "--mount", shut=True), tmp_path / "home")
