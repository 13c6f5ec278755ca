#!/usr/bin/env python3
"""Writes the man page and the shells' completions into bgblur/desktop/share, from the commands
themselves: scripts/packaging/man_page.py"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import typer

from bgblur import __version__
from bgblur.cli import app
from bgblur.desktop.share_files import SHARE

NAME = "bgblur-cam"
COMPLETIONS = {
    "bash": f"bash-completion/completions/{NAME}",
    "zsh": f"zsh/site-functions/_{NAME}",
    "fish": f"fish/vendor_completions.d/{NAME}.fish",
}
TAIL = r"""
.SH EXIT STATUS
.TP
.B 0
done
.TP
.B 2
wrong usage or configuration
.TP
.B 3
no camera
.TP
.B 4
no output
.TP
.B 5
a model that cannot be used
.TP
.B 130
ended by Ctrl\-C
.SH FILES
.TP
.I ~/.config/bgblur/config.toml
The configuration; an edit is applied within half a second.
.B bgblur\-cam config path
prints where it is.
.SH EXAMPLES
.TP
.B bgblur\-cam \-\-device demo \-\-output web
shows a demo in the preview page; no camera is needed.
.TP
.B bgblur\-cam \-\-device 0 \-\-strength 80
blurs the first camera into the first virtual camera.
.TP
.B bgblur\-cam image holiday.jpg \-\-out\-dir blurred
blurs a photo.
.SH SEE ALSO
.BR v4l2loopback\-ctl (1),
.BR systemd.service (5)
"""


def man_page() -> str:
    """In groff's man(7), each command with its options."""
    root: Any = typer.main.get_command(app)
    context = typer.Context(root, info_name=NAME)
    lines = [
        r".\" Part of bgblur. Written by scripts/packaging/man_page.py.",
        f'.TH {NAME.upper()} 1 "" "bgblur {__version__}" "User Commands"',
        ".SH NAME",
        rf"{_text(NAME)} \- {_text('a virtual camera that blurs what is behind you')}",
        ".SH SYNOPSIS",
        rf".B {_text(NAME)}",
        r"[\fIOPTION\fR ...]",
        ".br",
        rf".B {_text(NAME)}",
        r"\fICOMMAND\fR [\fIOPTION\fR ...] [\fIARGUMENT\fR ...]",
        ".SH DESCRIPTION",
        _text(root.help or root.callback.__doc__),
        "Without a command it is the daemon.",
        _text(str(root.epilog)),
        ".SH OPTIONS",
        *_parameters(root, context),
        ".SH COMMANDS",
        *_commands(root, context),
    ]
    return "\n".join(lines) + TAIL


def completions() -> dict[str, str]:
    """Typer's script of each shell, by its path below ``share``."""
    made = {}
    for shell, path in COMPLETIONS.items():
        asked = {**os.environ, "_BGBLUR_CAM_COMPLETE": f"source_{shell}"}
        command = [sys.executable, "-m", "bgblur"]
        text = subprocess.run(command, env=asked, check=True, capture_output=True, text=True).stdout
        text = text.strip()
        if shell == "zsh":
            # A file in fpath is the function's body: its first call must complete, too.
            text += f'\n[ "$funcstack[1]" = _{NAME} ] && _bgblur_cam_completion "$@"'
        first, _, rest = text.partition("\n")
        mark = "# Part of bgblur. Written by scripts/packaging/man_page.py."
        lines = (first, mark, rest) if first.startswith("#compdef") else (mark, text)
        made[path] = "\n".join(lines) + "\n"
    return made


def _commands(group: Any, context: Any) -> Iterator[str]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        inner = typer.Context(command, info_name=name, parent=context)
        usage = command.get_usage(inner).split(f"{NAME} ", 1)[1]
        yield f".SS {_text(usage)}"
        yield _text(command.help)
        if hasattr(command, "commands"):
            yield from _commands(command, inner)
        else:
            yield from _parameters(command, inner)


def _parameters(command: Any, context: Any) -> Iterator[str]:
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None:
            yield ".TP"
            yield re.sub(r"((?:\\-)+[\w\\-]+)", r"\\fB\1\\fR", _text(record[0]))
            yield _text(record[1])


def _text(text: str) -> str:
    """One paragraph in roff: what it would take for requests, escapes and hyphens is escaped."""
    words = " ".join(text.split()).replace("\\", r"\e").replace("-", r"\-")
    return re.sub(r"^(?=[.'])", r"\\&", words)


def main() -> None:
    for path, text in {"man/man1/bgblur-cam.1": man_page(), **completions()}.items():
        (SHARE / path).write_text(text, "utf-8")
        print(SHARE / path)


if __name__ == "__main__":
    main()
