"""Entries for menus and for the start at login: one .desktop file, with the command put in.

https://specifications.freedesktop.org/desktop-entry-spec/
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path


def menu_entry(entry: str, program: list[str]) -> str:
    """``entry``, whose commands name ``bgblur-cam``, with ``program`` in its place."""
    return entry.replace("Exec=bgblur-cam", f"Exec={_line(program)}")


def autostart_entry(entry: str, command: list[str], icon: Path) -> str:
    """``entry`` without its actions, starting ``command``; ``icon`` need not be in a theme."""
    main = entry.partition("\n[Desktop Action")[0]
    values = {"Exec": _line(command), "Icon": str(icon)}
    lines = [line for line in main.splitlines() if not line.startswith("Actions=")]
    keys = [(line, line.partition("=")[0]) for line in lines]
    return "".join(f"{k}={values[k]}\n" if k in values else f"{line}\n" for line, k in keys)


def program() -> list[str]:
    """The command that starts this bgblur. A desktop has another PATH than a shell with its
    virtual environment."""
    beside = Path(sys.executable).with_name("bgblur-cam")
    found = str(beside) if beside.is_file() else shutil.which("bgblur-cam")
    return [found] if found else [sys.executable, "-m", "bgblur"]


def _line(command: list[str]) -> str:
    return " ".join(map(_quoted, command))


def _quoted(argument: str) -> str:
    """An argument of an Exec key: quoted, then escaped as the value of any key, % doubled."""
    inner = re.sub(r'(["`$\\])', r"\\\1", argument).replace("\\", "\\\\").replace("%", "%%")
    return f'"{inner}"'
