"""The files of ``share``: where they are, and placing them in the user's own data folder.

https://specifications.freedesktop.org/basedir-spec/
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_data_path

from bgblur.desktop.entry import menu_entry
from bgblur.errors import UsageError
from bgblur.files import write_atomically

APP_ID = "io.github.bgblur.bgblur"
SHARE = Path(__file__).with_name("share")
ICON = SHARE / f"icons/hicolor/scalable/apps/{APP_ID}.svg"
ENTRY = SHARE / f"applications/{APP_ID}.desktop"

_MARK = "Part of bgblur"  # in each of the files; one without it is not replaced

Say = Callable[[str], None]


def files(program: list[str]) -> dict[Path, str]:
    """Each file's place in the user's data folder, and its text; the menu starts ``program``.

    Raises UsageError where desktops keep no such folder."""
    if sys.platform in ("win32", "darwin"):
        raise UsageError("menu entries of this kind are for Linux and BSD")
    texts = {path: path.read_text("utf-8") for path in sorted(SHARE.rglob("*")) if path.is_file()}
    texts[ENTRY] = menu_entry(texts[ENTRY], program)
    return {user_data_path() / path.relative_to(SHARE): text for path, text in texts.items()}


def install(program: list[str], say: Say) -> None:
    """Write the files. Raises UsageError, with nothing written, where one is somebody else's."""
    texts = files(program)
    for path in texts:
        _must_be_ours(path)
    for path, text in texts.items():
        try:
            write_atomically(path, text)
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}") from None
        say(f"wrote {path}")


def uninstall(program: list[str], say: Say) -> None:
    """Remove the files that ``install`` wrote. Raises UsageError."""
    there = [path for path in files(program) if path.exists()]
    for path in there:
        _must_be_ours(path)
    for path in there:
        try:
            path.unlink()
        except OSError as error:
            raise UsageError(f"cannot remove {path}: {error.strerror}") from None
        say(f"removed {path}")
    if not there:
        say(f"nothing to remove below {user_data_path()}")


def _must_be_ours(path: Path) -> None:
    try:
        ours = not path.is_symlink() and _MARK in path.read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    if not ours:
        raise UsageError(f"{path} was not written by bgblur-cam: move it away, then try again")
