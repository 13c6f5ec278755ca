"""scripts/pack_data.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from bgblur.training.commands.shell import DataOption, console, run


def pack_data(
    target: Annotated[Path, typer.Argument(help="Folder for part-1.tar and so on.")],
    data: DataOption = Path("data"),
    longest: Annotated[
        int, typer.Option(min=64, help="Longest side of a picture, in pixels.")
    ] = 448,
    part_mb: Annotated[int, typer.Option(min=1, help="Largest size of a part, in megabytes.")] = 60,
) -> None:
    """Pack the training data for another machine.

    Unpack all parts there into one folder, and name that with --data.
    """
    from bgblur.training.data.pack import pack

    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("packing")
        parts = pack(
            data,
            target,
            longest,
            part_mb * 1_000_000,
            lambda done, total: progress.update(task, completed=done, total=total),
        )
    for part in parts:
        typer.echo(f"{part}: {part.stat().st_size / 1e6:.1f} MB")


def main() -> None:
    run(pack_data)
