"""Statuses of a daemon, for tests of the tray without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def report(config: Path, state: str = "blurring", **run: Any) -> dict[str, Any]:
    """What a daemon that follows ``config`` writes, as far as the tray reads it."""
    runs = [{"state": state, "problem": None, "preview": None, **run}]
    return {"config": str(config.resolve()), "runs": runs}
