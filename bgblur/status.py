"""The status file: how ``bgblur-cam status`` knows what a running daemon does."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import platformdirs
import psutil


class StatusFile:
    """One file for this process, readable by its user alone, replaced whole at each write."""

    def __init__(self) -> None:
        self._path = folder() / f"{os.getpid()}.json"
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    def write(self, status: dict[str, Any]) -> None:
        beside = self._path.with_suffix(".tmp")
        no_link = getattr(os, "O_NOFOLLOW", 0)  # Windows has none
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | no_link, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(status, file)
        beside.replace(self._path)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)


def folder() -> Path:
    return platformdirs.user_state_path("bgblur", appauthor=False) / "run"


def running() -> list[dict[str, Any]]:
    """The status of every daemon of this user that is alive; files of dead ones are removed."""
    found = []
    for path in sorted(folder().glob("*.json")) if folder().is_dir() else []:
        with contextlib.suppress(FileNotFoundError):  # its daemon ends at this moment
            if _owner_lives(path):
                found.append(json.loads(path.read_text(encoding="utf-8")))
            else:
                path.unlink(missing_ok=True)
    return found


def _owner_lives(path: Path) -> bool:
    """A process that began after the last write only has the number of the one that wrote."""
    try:
        return psutil.Process(int(path.stem)).create_time() <= path.stat().st_mtime
    except psutil.NoSuchProcess:
        return False
