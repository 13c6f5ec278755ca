"""scripts/robustness.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bgblur.training.commands.shell import DataOption, check_place, console, run
from bgblur.training.data.split import Half


def robustness(
    model: Annotated[
        list[str], typer.Option(help="A shipped model's name, or a file; repeatable.")
    ],
    data: DataOption = Path("data"),
    photos: Annotated[str, typer.Option(help="The set of photos.")] = "eg1800",
    half: Annotated[Half, typer.Option(help="Held-out photos: tune or report.")] = "report",
    input_height: Annotated[int, typer.Option(min=32)] = 160,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "cpu",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many photos.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures.")] = None,
) -> None:
    """Measure IoU in bad light and bad pictures, by severity."""
    from bgblur.errors import UsageError
    from bgblur.training.data.split import load_half
    from bgblur.training.evaluate.corruptions import iou_by_severity
    from bgblur.training.evaluate.engines import engine_for
    from bgblur.training.evaluate.predictors import still_predictor
    from bgblur.training.evaluate.tables import table

    check_place(json_file)
    sets = load_half(data, half).photos
    if photos not in sets:
        raise UsageError(f'there is no set "{photos}" in {data}, only {", ".join(sets)}')
    pictures = sets[photos][:limit]
    found = {}
    for name in model:
        engine = engine_for(name, device, input_height=input_height)
        with console.status(f"{name} at input height {input_height}"):
            found[name] = iou_by_severity(still_predictor(engine), pictures)
        title = f'{name}: IoU on {len(pictures)} photos of {photos}, "{half}"'
        typer.echo(f"{table(title, found[name])}\n")
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    run(robustness)
