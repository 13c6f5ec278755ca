"""Start at login, on desktops of Linux and BSD: a .desktop file in the autostart folder.

https://specifications.freedesktop.org/autostart-spec/
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from platformdirs import user_config_path

from bgblur.config.file import default_path
from bgblur.errors import UsageError
from bgblur.files import write_atomically
from bgblur.tray.icons import icon_path
from bgblur.tray.state import TrayState

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
    command = [*_program(), "--tray"]
    if config.resolve() != default_path().resolve():
        command += ["--config", str(config.resolve())]
    return (
        "[Desktop Entry]\n"
        "Type=Application\n"
        "Name=bgblur\n"
        "Comment=A virtual camera that blurs what is behind you\n"
        f"Exec={' '.join(map(_quoted, command))}\n"
        f"Icon={icon_path(TrayState.BLURRING)}\n"
        "Terminal=false\n"
    )


def _program() -> list[str]:
    """Login has another PATH than a shell with its virtual environment."""
    beside = Path(sys.executable).with_name("bgblur-cam")
    found = str(beside) if beside.is_file() else shutil.which("bgblur-cam")
    return [found] if found else [sys.executable, "-m", "bgblur"]


def _quoted(argument: str) -> str:
    """An argument of an Exec key: quoted, then escaped as the value of any key, % doubled."""
    inner = re.sub(r'(["`$\\])', r"\\\1", argument).replace("\\", "\\\\").replace("%", "%%")
    return f'"{inner}"'
