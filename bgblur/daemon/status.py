"""The status file: how ``bgblur-cam status`` knows what a running daemon does."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import platformdirs
import psutil

from bgblur.files import replacing


class StatusFile:
    """One file for this process, readable by its user alone, replaced whole at each write."""

    def __init__(self) -> None:
        self.problem: str | None = None
        self._path = folder() / f"{os.getpid()}.json"

    def write(self, status: dict[str, Any]) -> None:
        """Write ``status`` as JSON. On a full or read-only disk only ``problem`` is set."""
        try:
            self._replace(json.dumps(status))
        except OSError as error:
            self.problem = (
                f"`bgblur-cam status` cannot see this daemon: cannot write {self._path}: "
                f"{error.strerror}"
            )
        else:
            self.problem = None

    def remove(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _replace(self, text: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Not durable: it is written every second, and after a power cut the daemon is gone as well.
        with replacing(self._path, private=True, durable=False) as unfinished:
            unfinished.write_text(text, encoding="utf-8")


def folder() -> Path:
    return platformdirs.user_state_path("bgblur", appauthor=False) / "run"


def running() -> list[dict[str, Any]]:
    """The status of every daemon of this user that is alive; files of dead ones are removed."""
    found = []
    for path in sorted(folder().glob("*.json")) if folder().is_dir() else []:
        # Its daemon is just ending, or it is not a file of ours.
        with contextlib.suppress(OSError, ValueError, RecursionError):
            if _owner_lives(path):
                status = json.loads(path.read_text(encoding="utf-8"))
                if isinstance(status, dict):
                    found.append(status)
            else:
                path.unlink(missing_ok=True)
    return found


def status_lines(status: dict[str, Any]) -> list[str]:
    """What one daemon does, and what is wrong with it, for a terminal."""
    lines = []
    for run in status["runs"]:
        outputs = outputs_in_words(run) or run["output"]
        lines.append(
            f"{run['source']} -> {outputs}: {run['state']}, strength {run['strength']}, "
            f"{run['fps']:.0f} fps, latency {run['latency_ms']['p50']:.0f} ms, "
            f"{run['cpu_cores']} cores, {run['rss_mb']:.0f} MB"
        )
        if run.get("network"):  # older daemons give none
            lines.append(f"the person is found by {run['network']} at {run['input_height']} lines")
        if run["problem"]:
            lines.append(run["problem"])
    return lines


def outputs_in_words(run: dict[str, Any]) -> str | None:
    """Several outputs as the user named them, and which of them are not open; None for one."""
    outputs = run.get("outputs", ())  # older daemons give none
    if len(outputs) < 2:
        return None
    return ", ".join(each["device"] + ("" if each["name"] else " (not open)") for each in outputs)


def _owner_lives(path: Path) -> bool:
    """False if the process began after the last write: it only got the same number."""
    try:
        return psutil.Process(int(path.stem)).create_time() <= path.stat().st_mtime
    except psutil.NoSuchProcess:
        return False
