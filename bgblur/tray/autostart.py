"""Start at login, on desktops of Linux and BSD: a .desktop file in the autostart folder.

https://specifications.freedesktop.org/autostart-spec/
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from platformdirs import user_config_path

from bgblur.config.file import default_path
from bgblur.desktop.entry import autostart_entry, program
from bgblur.desktop.share_files import ENTRY, ICON
from bgblur.errors import UsageError
from bgblur.files import write_atomically

_OFF = re.compile(r"^\s*(Hidden\s*=\s*true|X-GNOME-Autostart-enabled\s*=\s*false)\s*$", re.M)


def available() -> bool:
    return sys.platform not in ("win32", "darwin")


def enabled() -> bool:
    """Whether login starts bgblur. A desktop may switch the entry off by a key in it."""
    try:
        return not _OFF.search(entry_path().read_text(encoding="utf-8"))
    except OSError:
        return False


def set_enabled(on: bool, config: Path) -> None:
    """Raises UsageError where the folder cannot be written."""
    path = entry_path()
    try:
        if on:
            write_atomically(path, _entry(config))
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None


def entry_path() -> Path:
    return user_config_path() / "autostart" / "bgblur.desktop"


def _entry(config: Path) -> str:
    command = [*program(), "--tray"]
    if config.resolve() != default_path().resolve():
        command += ["--config", str(config.resolve())]
    return autostart_entry(ENTRY.read_text("utf-8"), command, ICON)
