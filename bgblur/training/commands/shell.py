"""Shared by the commands: the console, the data option, errors as one line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console

from bgblur.environment import prepare_process
from bgblur.errors import BgblurError, OutputError, UsageError

console = Console(stderr=True, highlight=False, soft_wrap=True)

DataOption = Annotated[Path, typer.Option("--data", help="Folder with train/ and backgrounds/.")]


def run(command: Callable[..., None]) -> None:
    """Parse the arguments and call ``command``; on an error, exit with the error's code."""
    prepare_process()
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(command)
    try:
        app()
    except BgblurError as error:
        _end(error)
    except ValidationError as error:  # an option that is checked as a setting
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        _end(UsageError(f"{where}: {first['msg']}; see --help"))
    except OSError as error:
        where = f" {error.filename}" if error.filename is not None else ""
        why = error.strerror or str(error)
        _end(
            OutputError(f"cannot use{where}: {why}; choose a place that is writable and has space")
        )


def check_place(*files: Path | None) -> None:
    """Check before long work. Raises UsageError if a file's folder does not exist; skips None."""
    for file in files:
        if file is not None and not file.parent.is_dir():
            raise UsageError(f"there is no folder {file.parent}: make it, or name another")


def warn_uncompared(data: Path) -> None:
    """Say which folders near-duplicates were not sought in: they may be on both sides."""
    from bgblur.training.data.groups import uncompared

    folders = uncompared(data)
    if folders:
        console.print(
            f"near-duplicates were not sought among these pictures of {', '.join(folders)}: "
            f"scripts/find_duplicates.py --data {data} seeks them, in about a minute",
            style="yellow",
            markup=False,
        )


def _end(error: BgblurError) -> NoReturn:
    console.print(str(error), style="red", markup=False)
    sys.exit(error.exit_code)
