"""scripts/find_duplicates.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bgblur.training.commands.shell import DataOption, run


def find_duplicates(
    data: DataOption = Path("data"),
    target: Annotated[
        Path | None, typer.Argument(help="The list to write; near-duplicates.json in the data.")
    ] = None,
) -> None:
    """List the pictures that show the same thing, so that none is trained on and judged by."""
    from bgblur.training.data.groups import find_groups

    typer.echo(f"{find_groups(data, target)} groups of near-duplicates")


def main() -> None:
    run(find_duplicates)
