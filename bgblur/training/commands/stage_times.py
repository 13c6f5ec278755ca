"""scripts/stage_times.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bgblur.training.commands.shell import console, run

SIZES = ("640x360", "1280x720", "1920x1080")


def stage_times(
    size: Annotated[
        list[str] | None, typer.Option(help=f"Repeatable; default: {', '.join(SIZES)}.")
    ] = None,
    clip: Annotated[Path | None, typer.Option(help="Somebody who moves; else the demo.")] = None,
    input_height: Annotated[int, typer.Option(min=32, help="The network's.")] = 224,
    strength: Annotated[int, typer.Option(min=1, max=100, help="The blur's.")] = 60,
    frames: Annotated[int, typer.Option(min=8, help="Of each size.")] = 240,
) -> None:
    """Measure the processor time of each stage of a live frame without capture and network."""
    from bgblur.bench.run import size_of
    from bgblur.bench.stages import stage_times as measured

    sizes = size or list(SIZES)
    with console.status("measuring"):
        found = measured(list(map(size_of, sizes)), clip, input_height, strength, frames)
    for name, times in zip(sizes, found, strict=True):
        each = ", ".join(f"{stage} {took:.2f}" for stage, took in times.items())
        typer.echo(f"{name}, ms: {each}")


def main() -> None:
    run(stage_times)
