"""What is kept for a configuration: its lock, the strength to toggle back to, and choices that
changed nothing in its file.

All of it is in the user's state folder, one set per configuration, so that a folder of dotfiles
under version control stays clean.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_state_path

from bgblur.config.settings import BackgroundSettings
from bgblur.errors import UsageError
from bgblur.files import write_atomically

LOCK_PATIENCE = 10.0  # seconds; a writer holds the lock for milliseconds
_STEP = 2_000_000_000  # ns, from one choice to the next in a mark's time


@contextmanager
def locked(config: Path) -> Iterator[None]:
    """Keep other writers of ``config`` out, in this process and in others. Not reentrant."""
    from filelock import FileLock, Timeout  # only writers need it

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
    """Mark ``key`` as set to the value that it already had. Call it with ``config`` locked."""
    mark = _mark(config, key)
    mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = _time(mark)
    if before is None:
        mark.touch(mode=0o600)
    else:  # no clock is read, since it may jump; every file system can store a step of two seconds
        os.utime(mark, ns=(before + _STEP, before + _STEP))


class Choices:
    """Which of ``keys`` are set again to the value that they already have in ``config``.

    Such a choice changes nothing in the file, but it must end a command-line option that says
    otherwise: a click on "Medium" has to end ``--strength 0``, though the file says Medium already.
    A changed time of the file itself would not say which key was chosen. So each key has a mark, an
    empty file whose time changes with each choice; choices from before this object do not count.
    """

    def __init__(self, config: Path, keys: Iterable[str]) -> None:
        config = Path(os.path.realpath(config))
        self._marks = {key: _mark(config, key) for key in keys}
        self._times = {key: _time(mark) for key, mark in self._marks.items()}

    def new(self) -> list[str]:
        """The keys chosen since the last call."""
        before, self._times = self._times, {key: _time(mark) for key, mark in self._marks.items()}
        return [key for key, time in self._times.items() if time not in (before[key], None)]


def _mark(config: Path, key: str) -> Path:
    return _state_file(config, f".{key}.chosen")


def _time(mark: Path) -> int | None:
    try:
        return mark.stat().st_mtime_ns
    except OSError:
        return None


def _state_file(config: Path, suffix: str) -> Path:
    digest = hashlib.sha256(os.fsencode(config)).hexdigest()[:16]
    return user_state_path("bgblur", appauthor=False) / f"{config.stem}-{digest}{suffix}"
