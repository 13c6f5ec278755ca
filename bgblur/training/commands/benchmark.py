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
        Path, typer.Option(help="Writes OUT.json after every cell, OUT.png at the end.")
    ] = Path("benchmark"),
    data: Annotated[
        Path | None, typer.Option(help="Folder with train/ and video/; without it, only speed.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Repeatable; default: every shipped model.")
    ] = None,
    device: Annotated[
        list[str] | None, typer.Option(help="Repeatable; default: cpu, and cuda if available.")
    ] = None,
    precision: Annotated[
        list[str] | None, typer.Option(help="Repeatable: auto, fp32, bf16, fp16.")
    ] = None,
    isa: Annotated[
        list[str] | None, typer.Option(help="Repeatable: native, or avx2 for an older processor.")
    ] = None,
    input_height: Annotated[list[int] | None, typer.Option(min=32, help="Repeatable.")] = None,
    seconds: Annotated[float, typer.Option(help="Timing per cell, in seconds.")] = 1.5,
    photos: Annotated[int, typer.Option(min=1, help="Photos per set.")] = 6,
    frames: Annotated[int, typer.Option(min=1, help="Frames per clip.")] = 8,
    ladder: Annotated[
        Path | None,
        typer.Option(
            help='Measure the ladder of "auto" instead and write it here: needs --data, and '
            "takes --model, --input-height, --photos and --frames."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Keep the figures in OUT.json.")] = False,
) -> None:
    """Measure the speed and the IoU on held-out pictures of every model at every input height."""
    if ladder is not None:
        from bgblur.segmentation.models import SHIPPED_IR

        _write_ladder(ladder, data, model or list(SHIPPED_IR), input_height, photos, frames)
        return
    from bgblur.bench.plot import check_plot
    from bgblur.pipeline.report import machine
    from bgblur.training.evaluate.sweep import ISAS, Budget, cells, sweep
    from bgblur.training.evaluate.sweep_plot import draw, table

    picture, figures = out.with_name(f"{out.name}.png"), out.with_name(f"{out.name}.json")
    check_plot(picture, overwrite=True)  # as OUT.json is
    for name in isa or ():
        if name not in ISAS:
            raise UsageError(f'--isa is "{name}": it must be {" or ".join(ISAS)}')
    wanted = cells(
        model or shipped(),
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
            with replacing(figures) as unfinished:  # an interrupted run can resume
                unfinished.write_text(text + "\n", encoding="utf-8")
    title = f"bgblur's networks on {here['gpu'] or here['cpu']}, {here['cores']} cores"
    typer.echo(f"{title}\n\n{table(rows)}")
    draw(rows, title, picture)


def _write_ladder(
    path: Path,
    data: Path | None,
    models: list[str],
    heights: list[int] | None,
    photos: int,
    frames: int,
) -> None:
    from bgblur.pipeline.report import machine
    from bgblur.segmentation.ladder import HEIGHTS as AUTO_HEIGHTS
    from bgblur.training.evaluate.ladder import measure_rows, write_table

    if data is None:
        raise UsageError("--ladder orders the rungs by accuracy: it needs --data")
    wanted = sorted(set(heights or AUTO_HEIGHTS["cpu"]))
    rows = []
    with console.status(f"{len(models) * len(wanted)} rungs") as status:
        for row in measure_rows(models, wanted, data, photos, frames):
            rows.append(row)
            status.update(f"{row.model} at {row.height} lines")
    here = machine()
    write_table(rows, path, f"{here['cpu']}, OpenVINO {here['openvino']}, one thread")
    typer.echo(path.read_text(encoding="utf-8"))


def _kept(figures: Path, here: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of an earlier run on this machine. Raises UsageError."""
    again = "run without --resume, or choose another --out"
    try:
        stored = json.loads(figures.read_text(encoding="utf-8"))
        rows, there = list(stored["rows"]), stored["machine"]
    except (ValueError, LookupError, TypeError) as error:
        raise UsageError(
            f"{figures} was not written by this command, or is damaged: {again}"
        ) from error
    if there != here:
        raise UsageError(
            f"{figures} has figures of another machine or another version of torch: {again}"
        )
    return rows


def shipped() -> list[str]:
    from bgblur.segmentation.models import SHIPPED_MODELS

    return [name for name, path in SHIPPED_MODELS.items() if path.is_file()]


def _devices() -> list[str]:
    import torch

    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def main() -> None:
    run(benchmark)
