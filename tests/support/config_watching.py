"""A watched configuration file, ways to edit it, and what was heard of the edits; a module loads
the fixtures with ``pytest_plugins``."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bgblur.config.settings import Settings
from bgblur.config.watch import ConfigWatcher
from support.faults.fairness import Heartbeat

PROMISE = 0.5  # seconds from edit to call
QUIET = 0.7  # seconds after which a call would have come


class Heard:
    """What the watcher reported: settings, problems and None (problem gone), in order. Time that
    the machine itself takes, by ``heart``, does not count."""

    def __init__(self, heart: Heartbeat) -> None:
        self._heart = heart
        self._told: queue.Queue[tuple[float, Settings | str | None]] = queue.Queue()

    def note(self, what: Settings | str | None) -> None:
        self._told.put((time.monotonic(), what))

    def next(self, since: float) -> Settings | str | None:
        """The next call; it must have come within the promise."""
        at, what = self._told.get(timeout=60)
        assert at - since < PROMISE + self._lost(since)
        return what

    def at_once(self, since: float) -> bool:
        return time.monotonic() - since < PROMISE + self._lost(since)

    def _lost(self, since: float) -> float:
        return 2 * self._heart.lost(since)[1]

    def strength(self, since: float) -> int:
        got = self.next(since)
        if isinstance(got, str) and self._lost(since - PROMISE):
            # The machine stood still while the file was half written: that half was seen to rest.
            assert self.next(since) is None
            got = self.next(since)
        assert isinstance(got, Settings)
        return got.background.strength

    def empty(self) -> bool:
        return self._told.empty()

    def nothing(self) -> bool:
        time.sleep(QUIET)
        return self._told.empty()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(with_strength(60))
    return path


@pytest.fixture
def heard() -> Iterator[Heard]:
    with Heartbeat() as heart:
        yield Heard(heart)


@pytest.fixture
def watching(path: Path, heard: Heard) -> Iterator[None]:
    with ConfigWatcher(path, heard.note, heard.note):
        yield


def with_strength(strength: int) -> str:
    return f"[background]\nstrength = {strength}\n"


def in_place(path: Path, text: str) -> float:
    path.write_text(text)
    return time.monotonic()


def renamed_over(path: Path, text: str) -> float:
    temporary = path.with_name(".config.toml.swp")
    temporary.write_text(text)
    temporary.replace(path)
    return time.monotonic()
