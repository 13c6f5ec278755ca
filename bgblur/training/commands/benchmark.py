"""scripts/benchmark.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from bgblur.errors import UsageError
from bgblur.files import replacing
from bgblur.training.commands.shell import console, run

HEIGHTS = (96, 128, 160, 192, 224, 288)


def benchmark(
    out: Annotated[
        Path, typer.Option(help="OUT.json is written after every cell, OUT.png in the end.")
    ] = Path("benchmark"),
    data: Annotated[
        Path | None, typer.Option(help="Folder with train/ and video/; without it, speed alone.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Repeatable; every shipped one if none is given.")
    ] = None,
    device: Annotated[
        list[str] | None, typer.Option(help="Repeatable; cpu, and cuda where it is.")
    ] = None,
    precision: Annotated[
        list[str] | None, typer.Option(help="Repeatable: auto, fp32, bf16, fp16.")
    ] = None,
    isa: Annotated[
        list[str] | None, typer.Option(help="Repeatable: native, or avx2 for an older processor.")
    ] = None,
    input_height: Annotated[list[int] | None, typer.Option(min=32, help="Repeatable.")] = None,
    seconds: Annotated[float, typer.Option(help="Timed a cell.")] = 1.5,
    photos: Annotated[int, typer.Option(min=1, help="Of each set.")] = 6,
    frames: Annotated[int, typer.Option(min=1, help="Of each clip.")] = 8,
    resume: Annotated[bool, typer.Option("--resume", help="Keep what OUT.json has.")] = False,
) -> None:
    """Measure every model at every input height: milliseconds, and IoU on held-out pictures."""
    from bgblur.bench.plot import check_plot
    from bgblur.pipeline.report import machine
    from bgblur.training.evaluate.sweep import ISAS, Budget, cells, sweep
    from bgblur.training.evaluate.sweep_plot import draw, table

    picture, figures = out.with_name(f"{out.name}.png"), out.with_name(f"{out.name}.json")
    check_plot(picture)
    for name in isa or ():
        if name not in ISAS:
            raise UsageError(f'--isa is "{name}": it must be {" or ".join(ISAS)}')
    wanted = cells(
        model or _shipped(),
        device or _devices(),
        precision or ["auto"],
        isa or ["native"],
        sorted(set(input_height or HEIGHTS)),
    )
    here = machine()
    rows = _kept(figures, here) if resume and figures.is_file() else []
    with console.status(f"{len(wanted)} cells") as status:
        for row in sweep(wanted, data, Budget(seconds, photos, frames), tuple(rows), status.update):
            rows.append(row)
            text = json.dumps({"machine": here, "rows": rows}, indent=1)
            with replacing(figures) as unfinished:  # a run that is cut off can resume
                unfinished.write_text(text + "\n", encoding="utf-8")
    title = f"bgblur's networks on {here['gpu'] or here['cpu']}, {here['cores']} cores"
    typer.echo(f"{title}\n\n{table(rows)}")
    draw(rows, title, picture)


def _kept(figures: Path, here: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of an earlier run on this machine. Raises UsageError."""
    again = "run without --resume, or choose another --out"
    try:
        stored = json.loads(figures.read_text(encoding="utf-8"))
        rows, there = list(stored["rows"]), stored["machine"]
    except (ValueError, LookupError, TypeError) as error:
        raise UsageError(
            f"{figures} is not what this command wrote, or damaged: {again}"
        ) from error
    if there != here:
        raise UsageError(f"{figures} has another machine's figures, or another torch's: {again}")
    return rows


def _shipped() -> list[str]:
    from bgblur.segmentation.models import SHIPPED_MODELS

    return [name for name, path in SHIPPED_MODELS.items() if path.is_file()]


def _devices() -> list[str]:
    import torch

    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def main() -> None:
    run(benchmark)
