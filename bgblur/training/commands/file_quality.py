"""scripts/file_quality.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bgblur.training.commands.shell import DataOption, console, run, warn_uncompared
from bgblur.training.data.split import Half


def file_quality(
    data: DataOption = Path("data"),
    half: Annotated[
        Half,
        typer.Option(help="The half of the held-out pictures: tune to choose, report for figures."),
    ] = "report",
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many photos of each set.")
    ] = None,
    frames: Annotated[int, typer.Option(min=2, help="Frames of each clip that is timed.")] = 50,
    device: Annotated[str, typer.Option(help="As engine.device.")] = "auto",
) -> None:
    """Measure what each --quality of "image" and "video" finds, and how long it takes."""
    from bgblur.config.overrides import Overrides
    from bgblur.config.settings import Settings
    from bgblur.segmentation.quality import QUALITIES
    from bgblur.training.data.split import load_half
    from bgblur.training.evaluate.file_quality import accuracy_of, limited, rows_of, speed_of
    from bgblur.training.evaluate.tables import table

    warn_uncompared(data)
    settings = Overrides({"engine.device": device}, Settings()).over(Settings())
    sets = limited(load_half(data, half).photos, limit)
    accuracy, speed = {}, {}
    for quality in QUALITIES:
        with console.status(quality):
            speed[quality] = speed_of(settings, quality, frames)
            accuracy[quality] = accuracy_of(settings, quality, sets)
    pictures = sum(len(members) for members in sets.values())
    typer.echo(table(f'half "{half}"', rows_of(accuracy, speed, pictures)))


def main() -> None:
    run(file_quality)
