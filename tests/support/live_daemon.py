"""A daemon that is not started, and edits of its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from bgblur.config.file import load
from bgblur.daemon.daemon import Daemon


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def daemon_of(path: Path, text: str) -> Daemon:
    path.write_text(text, encoding="utf-8")
    return Daemon(load(path), path, {"output.device": "web"}, lambda _: None)


def edit(daemon: Daemon, path: Path, text: str) -> str:
    """Write the file and apply it. Returns the problem that the daemon reports, or ""."""
    path.write_text(text, encoding="utf-8")
    daemon.live.edited(load(path))
    return daemon.live.problem or ""
