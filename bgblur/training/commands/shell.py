"""What the commands share: the console, the data option, errors as one line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bgblur.errors import BgblurError

console = Console(stderr=True, highlight=False, soft_wrap=True)

DataOption = Annotated[Path, typer.Option("--data", help="Folder with train/ and backgrounds/.")]


def run(command: Callable[..., None]) -> None:
    """Parse the arguments, call, and end with the error's exit code where one is raised."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(command)
    try:
        app()
    except BgblurError as error:
        console.print(str(error), style="red", markup=False)
        sys.exit(error.exit_code)
