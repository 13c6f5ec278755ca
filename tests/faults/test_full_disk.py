"""A full disk loses the change to be written, never the picture."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.faults.daemon import fault_daemon
from support.faults.fairness import Heartbeat, feed_problem
from support.faults.full_disk import full_disk, write_on_a_full_disk

from bgblur.config.file import create, toggle
from bgblur.errors import UsageError


@pytest.mark.parametrize("room", [0, 9])
def test_a_change_leaves_the_file_as_it_was(tmp_path: Path, room: int) -> None:
    write_on_a_full_disk(tmp_path / "config.toml", room)


def test_toggle_and_create_leave_no_partial_file(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    with full_disk():
        for write in (toggle, create):
            with pytest.raises(UsageError, match="cannot write in"):
                write(path)
            assert list(tmp_path.iterdir()) == []


def test_the_daemon_streams_on_with_a_full_disk_and_a_log_that_fails(tmp_path: Path) -> None:
    def log_is_full(line: str) -> None:
        raise OSError(28, "No space left on device")

    with fault_daemon(tmp_path / "config.toml", log_is_full) as parts, Heartbeat() as heart:

        def wait_for(condition: Callable[[], bool]) -> None:
            deadline = time.monotonic() + 60
            while not condition():
                assert not parts.ended, parts.ended
                assert time.monotonic() < deadline, parts.daemon.status()
                time.sleep(0.01)

        def problem() -> str:
            return str(parts.daemon.status()["problem"])

        wait_for(lambda: parts.daemon.pipeline.state == "blurring")
        with full_disk():
            since = time.monotonic()
            wait_for(lambda: "cannot see this daemon" in problem())
            time.sleep(0.5)
            until = time.monotonic()
        assert feed_problem(list(parts.output.times), since, until, heart) is None
        assert not parts.output.wrong
        wait_for(lambda: problem() == "None")
