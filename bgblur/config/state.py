"""What is remembered beside a configuration: its lock, the strength to toggle back to, and choices
that changed nothing in it.

All live in the user's state folder, one set a configuration, so that a folder of dotfiles under
version control stays clean.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_state_path

from bgblur.config.settings import BackgroundSettings
from bgblur.errors import UsageError
from bgblur.files import write_atomically

_CHOICES = 16  # kept: more than come between two looks
LOCK_PATIENCE = 10.0  # seconds; a writer holds the lock for milliseconds


@contextmanager
def locked(config: Path) -> Iterator[None]:
    """Keep other writers of ``config`` out, in this process and in others. Not reentrant."""
    from filelock import FileLock, Timeout  # only for who writes

    lock = _state_file(config, ".lock")
    lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=LOCK_PATIENCE, poll_interval=0.01):
            yield
    except Timeout:
        raise UsageError(
            f"cannot change {config}: another program has it locked; close it and try again"
        ) from None


def remember_strength(config: Path, strength: int) -> None:
    write_atomically(_state_file(config, ".strength"), f"{strength}\n")


def last_strength(config: Path) -> int:
    """The last nonzero strength, 1..100; the default when none is known."""
    try:
        strength = int(_state_file(config, ".strength").read_text())
    except (OSError, ValueError):
        return BackgroundSettings().strength
    return strength if 1 <= strength <= 100 else BackgroundSettings().strength


def note_choice(config: Path, key: str) -> None:
    """``key`` was set to what the file says already. For who has it locked."""
    file = _state_file(config, ".chosen")
    lines = _lines(file)[1 - _CHOICES :]
    # Any number that was not there before, even in a file that was removed since.
    write_atomically(file, "\n".join([*lines, f"{secrets.randbits(63)} {key}"]) + "\n")


class Choices:
    """The keys of ``config`` that somebody sets to what it says already: a daemon may run on a
    command line that says otherwise, and no look at the file tells it."""

    def __init__(self, config: Path) -> None:
        self._file = _state_file(Path(os.path.realpath(config)), ".chosen")
        self._looked_at: tuple[int, int] | None = None
        self._known: set[str] = set()
        self.new()

    def new(self) -> list[str]:
        """Those since the last call."""
        try:
            found = self._file.stat()
        except OSError:
            return []
        if (found.st_ino, found.st_mtime_ns) == self._looked_at:
            return []
        self._looked_at = found.st_ino, found.st_mtime_ns
        noted = [line.split() for line in _lines(self._file)]
        before, self._known = self._known, {number for number, _ in noted}
        return [key for number, key in noted if number not in before]


def _lines(file: Path) -> list[str]:
    """Those of ``note_choice``; what else may stand there is left out."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    split = [line.split() for line in text.splitlines()]
    return [" ".join(words) for words in split if len(words) == 2 and words[0].isdecimal()]


def _state_file(config: Path, suffix: str) -> Path:
    digest = hashlib.sha256(os.fsencode(config)).hexdigest()[:16]
    return user_state_path("bgblur", appauthor=False) / f"{config.stem}-{digest}{suffix}"
