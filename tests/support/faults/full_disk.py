"""A full disk, for this process alone."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bgblur.config.file import load, set_value
from bgblur.errors import UsageError


@contextmanager
def full_disk(room: int = 0) -> Iterator[None]:
    """No file may grow beyond ``room`` bytes. Writes fail as on a full disk, the first in part."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def write_on_a_full_disk(path: Path, room: int = 0) -> None:
    """Check that a change is refused in one line, leaves the file as it was, and no other file."""
    if not path.exists():
        path.write_text("# mine\n[background]\nstrength = 42\n")
    before, beside = path.read_text(), sorted(path.parent.iterdir())
    with full_disk(room), pytest.raises(UsageError, match="cannot write in") as refused:
        set_value(path, "background.strength", 77)
    assert "\n" not in str(refused.value)
    assert path.read_text() == before
    assert sorted(path.parent.iterdir()) == beside
    assert load(path).background.strength == 42
