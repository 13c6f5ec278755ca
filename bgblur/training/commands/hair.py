"""scripts/hair.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bgblur.training.commands.shell import DataOption, check_place, console, run
from bgblur.training.data.split import Half

_HEIGHTS = (96, 192, 288, 416)


def hair(
    model: Annotated[str, typer.Option(help="A shipped model's name, or a file.")] = "unet-lite",
    data: DataOption = Path("data"),
    photos: Annotated[
        list[str] | None, typer.Option(help="A set of photos; repeatable. Else those with hair.")
    ] = None,
    half: Annotated[Half, typer.Option(help="Held-out photos: tune or report.")] = "report",
    input_height: Annotated[list[int] | None, typer.Option(min=32, help="Repeatable.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many of each set.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures.")] = None,
) -> None:
    """Measure alpha along hair at the pictures' full size, by how it is enlarged."""
    from bgblur.errors import UsageError
    from bgblur.segmentation.models import shipped_ir
    from bgblur.training.data.split import load_half
    from bgblur.training.evaluate.engines import engine_for
    from bgblur.training.evaluate.hair import SETS, hair_rows
    from bgblur.training.evaluate.tables import table

    check_place(json_file)
    sets = load_half(data, half).photos
    for name in (names := photos or [name for name in SETS if name in sets]):
        if name not in sets:
            raise UsageError(f'there is no set "{name}" in {data}, only {", ".join(sets)}')
    chosen = {name: sets[name][:limit] for name in names}
    file = str(shipped_ir(model) or model)
    found = {}
    for height in input_height or _HEIGHTS:
        with console.status(f"input height {height}"):
            rows = hair_rows(engine_for(file, input_height=height), chosen)
        title = f'{model} at {height}, half "{half}"'
        typer.echo(f"{table(title, rows)}\n")
        found[height] = rows
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    run(hair)
