"""scripts/evaluate.py."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bgblur.errors import UsageError
from bgblur.training.commands.shell import DataOption, check_place, console, run, warn_uncompared
from bgblur.training.data.split import Half

if TYPE_CHECKING:
    from bgblur.segmentation.contract import Contract
    from bgblur.segmentation.engine import Engine
    from bgblur.training.data.sets import Collection


def evaluate(
    model: Annotated[
        Path, typer.Argument(help="An exported .ts or .xml, or a training last.ckpt.")
    ],
    data: DataOption = Path("data"),
    input_height: Annotated[
        list[int] | None,
        typer.Option(
            min=32, help='Repeatable; if none is given, all that "auto" takes on the device.'
        ),
    ] = None,
    half: Annotated[
        Half,
        typer.Option(help="The half of the held-out pictures: tune to choose, report for figures."),
    ] = "report",
    device: Annotated[str, typer.Option(help="For a model.ts: auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[
        str, typer.Option(help="For a model.ts: auto, fp32, bf16 or fp16; a last.ckpt is fp32.")
    ] = "auto",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures.")] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="Write a PNG of the 24 worst photos, at the largest height.")
    ] = None,
    targets: Annotated[Path | None, typer.Option(help="A TOML file of figures to reach.")] = None,
    card: Annotated[Path | None, typer.Option(help="Write the model card.")] = None,
    seen: Annotated[
        str, typer.Option(help="For the card: what you see on the sheet of the worst photos.")
    ] = "",
    beside: Annotated[
        Path | None,
        typer.Option(help="Judge a second model, and the difference of IoU with its bounds."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1, help="At most so many photos of each set, rooms, and frames of each clip."
        ),
    ] = None,
) -> None:
    """Judge a model on held-out photos and rooms and on clips with true mattes."""
    from bgblur.training.data.split import load_half
    from bgblur.training.evaluate.card import Evaluation, write_card
    from bgblur.training.evaluate.comparison import compare
    from bgblur.training.evaluate.evaluation import composited_clips
    from bgblur.training.evaluate.evaluation import evaluate as judge_model
    from bgblur.training.evaluate.predictors import still_predictor
    from bgblur.training.evaluate.tables import figures_tables, table
    from bgblur.training.evaluate.targets import check_heights, judge, load_targets, verdict_table

    check_place(json_file, card, sheet)
    wanted = load_targets(targets) if targets else ()
    measured = sorted(set(input_height or _rungs(model, device)))
    check_heights(wanted, measured)
    engines, history = _engines(model, measured, device, precision)
    others = _engines(beside, measured, device, precision)[0] if beside else []
    other = beside.name if beside else ""
    warn_uncompared(data)
    held_out = _limited(load_half(data, half), limit)
    clips = list(composited_clips(data / "video" / "composited", half))
    heights = {}
    for engine in engines:
        with console.status(f"input height {engine.input_height}") as status:
            figures = judge_model(engine, held_out, clips, limit, status.update)
        heights[engine.input_height] = figures
        typer.echo(
            f'## Input height {engine.input_height}, half "{half}"\n\n{figures_tables(figures)}\n'
        )
    compared = {}
    for engine in others:
        height = engine.input_height
        with console.status(f"{other} at input height {height}") as status:
            figures = judge_model(engine, held_out, clips, limit, status.update)
        compared[height] = compare(heights[height], figures, held_out.photos)
        rows = table(f"input height {height}", compared[height])
        typer.echo(f"## Beside {other}\n\n{rows}\n")
    verdicts = judge(wanted, heights)
    if verdicts:
        typer.echo(verdict_table(verdicts))
    result = Evaluation(
        model.name,
        hashlib.sha256(model.read_bytes()).hexdigest(),
        sum(part.stat().st_size for part in _parts(model)),
        history,
        engines[-1].device,
        engines[-1].precision,
        half,
        heights,
        verdicts,
        other,
        compared,
        seen,
    )
    if json_file is not None:
        json_file.write_text(json.dumps(result.as_json(), indent=2) + "\n", encoding="utf-8")
    if card is not None:
        write_card(result, card)
    if sheet is not None:
        import cv2

        from bgblur.training.evaluate.sheet import worst_sheet

        last = engines[-1]
        picture = worst_sheet(still_predictor(last), heights[last.input_height].scored)
        sheet.write_bytes(cv2.imencode(".png", picture)[1].tobytes())


def _parts(model: Path) -> list[Path]:
    return [model, model.with_suffix(".bin")] if model.suffix == ".xml" else [model]


def _rungs(model: Path, device: str) -> range:
    """The input heights that the daemon's "auto" takes with this model."""
    from bgblur.segmentation.device_torch import choose_device
    from bgblur.segmentation.ladder import HEIGHTS

    kind = "cpu" if model.suffix in (".ckpt", ".xml") else choose_device(device)
    return HEIGHTS[kind.partition(":")[0]]


def _engines(
    model: Path, heights: list[int], device: str, precision: str
) -> tuple[list[Engine], Contract]:
    """One engine for each height, and the history of the model's training."""
    from bgblur.segmentation.contract import contract_of
    from bgblur.training.evaluate.engines import engine_for
    from bgblur.training.evaluate.predictors import NetworkEngine
    from bgblur.training.export.legacy import modern_contract_of
    from bgblur.training.fit.checkpoint import load_network

    if model.suffix == ".ckpt":
        if precision not in ("auto", "fp32") or device not in ("auto", "cpu"):
            raise UsageError("a checkpoint runs in fp32 on the CPU: export it to choose otherwise")
        network, history = load_network(model)
        return [NetworkEngine(network, height) for height in heights], history
    engines = [engine_for(str(model), device, precision, height) for height in heights]
    if model.suffix == ".xml":
        return engines, contract_of(model)
    return engines, modern_contract_of(model)


def _limited(held_out: Collection, limit: int | None) -> Collection:
    from bgblur.training.data.sets import Collection

    return Collection(
        {name: pictures[:limit] for name, pictures in held_out.photos.items()},
        held_out.cutouts[:limit],
        held_out.rooms[:limit],
    )


def main() -> None:
    run(evaluate)
