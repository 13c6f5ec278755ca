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
    try:
        yield made
    finally:
        made.close()


def strength() -> int:
    return load(default_path()).background.strength


def paused() -> bool:
    return load(default_path()).output.paused


def keys(shown: Tray) -> list[str]:
    """What stands beside the menu's entries, of those that have a key."""
    texts = [action.text().replace("&", "") for action in shown.menu.menu.actions()]
    assert all(action.shortcut().isEmpty() for action in shown.menu.menu.actions())
    return [text.replace("\t", ": ") for text in texts if "\t" in text]
