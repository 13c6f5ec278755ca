"""A tray with the default configuration, and what is in its file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bgblur.config.file import default_path, load
from bgblur.tray.daemon import OwnDaemon
from bgblur.tray.tray import Tray
from support.tray.qt import offscreen


@contextmanager
def tray() -> Iterator[Tray]:
    offscreen()
    default_path().parent.mkdir(parents=True, exist_ok=True)
    made = Tray(default_path(), load(default_path()), OwnDaemon(default_path()), widgets=True)
    made.show()
    yield made
    made.close()


def strength() -> int:
    return load(default_path()).background.strength


def paused() -> bool:
    return load(default_path()).output.paused
