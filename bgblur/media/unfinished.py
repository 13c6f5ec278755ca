"""Hidden names for video files that are still being written."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


def unfinished_name(path: Path) -> Path:
    """A new hidden name beside ``path``, with its ending: FFmpeg chooses the container by it."""
    return path.with_name(f"{_prefix(os.getpid())}{secrets.token_hex(4)}{path.suffix}")


def remove_unfinished(folder: Path, process: int) -> None:
    """Remove the unfinished files that a process left in ``folder``. Call it once that ended."""
    with suppress(OSError):
        for file in folder.glob(f"{_prefix(process)}*"):
            file.unlink(missing_ok=True)


def _prefix(process: int) -> str:
    return f".bgblur-{process}-"
