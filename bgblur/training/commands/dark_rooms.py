"""scripts/dark_rooms.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from bgblur.training.commands.benchmark import shipped
from bgblur.training.commands.shell import DataOption, check_place, console, run
from bgblur.training.data.split import Half


def dark_rooms(
    model: Annotated[
        list[str] | None, typer.Option(help="Repeatable; default: every shipped model.")
    ] = None,
    data: DataOption = Path("data"),
    half: Annotated[Half, typer.Option(help="Held-out rooms: tune or report.")] = "report",
    input_height: Annotated[
        list[int] | None, typer.Option(min=32, help='Repeatable; default: every height of "auto".')
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "cpu",
    rooms: Annotated[int, typer.Option(min=1, help="At most so many rooms.")] = 40,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures.")] = None,
) -> None:
    """Measure how much of empty rooms is taken for a person, in five lights, at every height."""
    from bgblur.segmentation.ladder import HEIGHTS
    from bgblur.training.data.split import load_half
    from bgblur.training.evaluate.dark_rooms import taken_for_a_person
    from bgblur.training.evaluate.engines import engine_for
    from bgblur.training.evaluate.evaluation import THINGS
    from bgblur.training.evaluate.tables import table

    check_place(json_file)
    listed = [r for r in load_half(data, half).rooms if r.image.parent.name != THINGS]
    pictures = listed[:: max(1, len(listed) // rooms)][:rooms]  # of every folder
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for name in model or shipped():
        rows = {}
        for height in input_height or HEIGHTS[device if device in HEIGHTS else "cpu"]:
            with console.status(f"{name} at input height {height}"):
                engine = engine_for(name, device, input_height=height)
                shares = taken_for_a_person(engine, pictures)
            found.setdefault(name, {})[height] = {k: v.tolist() for k, v in shares.items()}
            rows[str(height)] = {light: float(each.max()) for light, each in shares.items()}
        title = f"{name}: worst share of {len(pictures)} rooms, by input height"
        typer.echo(f"{table(title, rows)}\n")
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    run(dark_rooms)
