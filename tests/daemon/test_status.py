from __future__ import annotations

import json
import os
import platform
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bgblur.daemon.status import StatusFile, folder, running, status_lines

pytestmark = pytest.mark.skipif(
    platform.system() != "Linux", reason="the state folder moves by XDG_STATE_HOME on Linux only"
)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def test_nothing_runs() -> None:
    assert running() == []


def test_written_found_and_removed(state: Path) -> None:
    file = StatusFile()
    file.write({"fps": 29.5, "source": "demo picture"})
    assert running() == [{"fps": 29.5, "source": "demo picture"}]
    file.write({"fps": 12})
    assert running() == [{"fps": 12}]
    assert [path.name for path in folder().iterdir()] == [f"{os.getpid()}.json"]
    assert folder().is_relative_to(state)
    file.remove()
    file.remove()
    assert running() == []


def test_the_lines_for_people_name_the_rung_in_force() -> None:
    run = {
        **{"source": "demo", "output": "web", "state": "blurring", "strength": 60, "fps": 30.0},
        **{"latency_ms": {"p50": 40.0}, "cpu_cores": 1.0, "rss_mb": 300.0, "problem": None},
    }
    named = run | {"network": "unet-lite", "input_height": 160}
    assert len(status_lines({"runs": [run]})) == 1  # of a daemon before an update
    (_, line) = status_lines({"runs": [named]})
    assert line == "the person is found by unet-lite at 160 lines"


def test_the_lines_for_people_say_which_of_several_outputs_are_open() -> None:
    run = {
        **{"source": "demo", "output": "web, a.mp4", "state": "blurring", "strength": 60},
        **{"fps": 30.0, "latency_ms": {"p50": 40.0}, "cpu_cores": 1.0, "rss_mb": 300.0},
        **{"problem": None},
        "outputs": [{"device": "web", "name": "preview page"}, {"device": "a.mp4", "name": None}],
    }
    (line,) = status_lines({"runs": [run]})
    assert line.startswith("demo -> web, a.mp4 (not open): blurring, strength 60")


def test_nobody_else_may_read_it() -> None:
    before = os.umask(0)
    try:
        StatusFile().write({})
    finally:
        os.umask(before)
    (path,) = folder().iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder().stat().st_mode) == 0o700


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("precious")
    folder().mkdir(parents=True)
    (folder() / f"{os.getpid()}.json").symlink_to(target)
    file = StatusFile()
    file.write({"fresh": True})
    assert file.problem is None
    assert running() == [{"fresh": True}]
    assert target.read_text() == "precious"
    assert [path.is_symlink() for path in folder().iterdir()] == [False]


def test_a_failed_write_is_a_problem_until_the_next_one() -> None:
    folder().parent.mkdir(parents=True)
    folder().touch()  # a file where the folder should be
    file = StatusFile()
    file.write({})
    assert file.problem is not None
    assert "cannot write" in file.problem
    file.remove()
    folder().unlink()
    file.write({})
    assert file.problem is None


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b"\xff", b"[" * 5000, b"1"])
def test_a_damaged_status_is_skipped(data: bytes) -> None:
    StatusFile().write({"whole": True})
    (folder() / f"{os.getpid()}.json").rename(folder() / "x.json")
    StatusFile().write({"whole": True})
    (folder() / f"{os.getppid()}.json").write_bytes(data)
    assert running() == [{"whole": True}]


def test_the_file_of_a_dead_daemon_is_removed() -> None:
    StatusFile().write({"alive": True})
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = folder() / f"{gone.pid}.json"
    left.write_text("{}")
    assert running() == [{"alive": True}]
    assert not left.exists()


def test_another_process_with_the_same_number_is_not_it() -> None:
    """After a crash, or a restart of the machine, another process gets the number."""
    left = StatusFile()
    left.write({"of": "a daemon long gone"})
    (path,) = folder().iterdir()
    last_week = time.time() - 7 * 86400
    os.utime(path, (last_week, last_week))
    assert running() == []
    assert not path.exists()


def test_a_reader_never_sees_an_incomplete_file(tmp_path: Path) -> None:
    file = StatusFile()
    file.write({"n": 0})
    (path,) = folder().iterdir()
    writer = (
        "import itertools, pathlib, sys; from bgblur.daemon.status import StatusFile\n"
        "file, enough = StatusFile(), pathlib.Path(sys.argv[1])\n"
        "for n in itertools.count():\n"
        "    file.write({'n': n, 'filling': 'x' * 20000})\n"
        "    if enough.exists(): break\n"
    )
    enough = tmp_path / "enough"
    with subprocess.Popen([sys.executable, "-c", writer, str(enough)]) as process:
        other = path.with_name(f"{process.pid}.json")
        seen = set()
        while process.poll() is None:
            if other.exists():
                seen.add(json.loads(other.read_text())["n"])
            if len(seen) == 100:
                enough.touch()
    assert process.returncode == 0
