"""scripts/train.py."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bgblur.errors import UsageError
from bgblur.training.commands.shell import console, run, warn_uncompared

if TYPE_CHECKING:
    from torch import nn

    from bgblur.training.data.sets import Collection
    from bgblur.training.fit.recipe import Recipe

FINETUNE = Path(__file__).parents[3] / "configs" / "training" / "finetune.toml"
SCRATCH = "scratch"  # --init: random weights, though the stage is not the first


def train(
    config: Annotated[
        Path | None,
        typer.Option(help="The recipe, a TOML file; with --init the default is finetune.toml."),
    ] = None,
    stage: Annotated[
        str | None,
        typer.Option(help="The recipe's stage to run, by name, or last; the first if left out."),
    ] = None,
    data: Annotated[
        Path,
        typer.Option(help="A folder with train/ and backgrounds/, or one of scripts/record.py."),
    ] = Path("data"),
    replay: Annotated[
        Path | None,
        typer.Option(help="A folder with train/ and backgrounds/: other people's pictures too."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Checkpoints and logs, else runs/RECIPE/STAGE; an old run resumes."),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            help="Start from a last.ckpt, a model.ts, unet-lite, auto, or scratch (random weights);"
            " a later stage starts from the stage before it if this is left out."
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Overrides the recipe's number.")] = None,
    export: Annotated[
        Path | None, typer.Option(help="The TorchScript file to write at the end.")
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="Export for processors: several times as fast there.")
    ] = False,
) -> None:
    """Run one stage of a recipe. Run the same command again to resume after an interruption."""
    import cv2
    from torch.utils.tensorboard import SummaryWriter

    from bgblur.training.evaluate.evaluation import score_photos
    from bgblur.training.evaluate.predictors import NetworkEngine, still_predictor
    from bgblur.training.evaluate.sheet import worst_sheet
    from bgblur.training.fit import loop
    from bgblur.training.fit.launch import make_fabric
    from bgblur.training.fit.stages import index_of, load_stages

    config = _config(config, init)
    stages = load_stages(config)
    index = index_of(stages, stage, config)
    first_model = _start(init, config, stages, index)
    recipe = _recipe(stages[index], first_model, steps)
    out = out or _folder(config, stages, index)
    if first_model is not None:
        _refuse_finished(out, recipe.run.steps)
    fabric = make_fabric(recipe.run.precision)
    first = fabric.is_global_zero  # one of several processes prints and writes
    collection, tune = _collections(data, replay, warn=first)
    writer = SummaryWriter(str(out)) if first else None
    bar = Progress(
        TextColumn("step"),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.4f}  {task.fields[rate]:.0f} images/s"),
        TimeRemainingColumn(),
        console=console,
        disable=not first,
    )
    task = bar.add_task("train", total=recipe.run.steps, loss=0.0, rate=0.0)
    smooth = {"loss": 0.0}

    def report(step: loop.StepReport) -> None:
        if writer is None:
            return
        smooth["loss"] = 0.98 * smooth["loss"] + 0.02 * step.loss if smooth["loss"] else step.loss
        bar.update(task, completed=step.step, loss=smooth["loss"], rate=step.images_per_second)
        writer.add_scalar("loss", step.loss, step.step)
        writer.add_scalar("learning_rate", step.learning_rate, step.step)
        if step.step % 50 == 0 and not console.is_terminal:
            console.print(
                f"step {step.step}/{step.steps} loss {smooth['loss']:.4f} "
                f"{step.images_per_second:.0f} images/s"
            )

    def validate(step: int, network: nn.Module) -> None:
        if writer is None:
            return
        predict = still_predictor(NetworkEngine(network, 192))
        scored = []
        for name, pictures in tune.photos.items():
            scores = score_photos(predict, pictures[:60])
            mean = sum(s.iou for s in scores) / len(scores)
            writer.add_scalar(f"iou/{name}", mean, step)
            console.print(f"step {step} IoU {name} {mean:.4f}")
            scored += scores
        sheet = worst_sheet(predict, scored)
        writer.add_image("worst", sheet[..., ::-1], step, dataformats="HWC")
        cv2.imwrite(str(out / f"worst-{step:06}.png"), sheet)

    with bar:
        network = loop.train(
            recipe,
            collection,
            out,
            report=report,
            validate=validate,
            init=first_model,
            fabric=fabric,
        )
    if writer is not None:
        writer.close()
        _finish(network, out / loop.CHECKPOINT, export, collection if int8 else None)


def _config(config: Path | None, init: str | None) -> Path:
    if config is not None:
        return config
    if init is None:
        raise UsageError("which recipe? name one of configs/training with --config")
    return FINETUNE


def _folder(config: Path, stages: tuple[Recipe, ...], index: int) -> Path:
    """Where the stage's checkpoint lies unless --out says otherwise."""
    runs = Path("runs") / config.stem
    return runs / stages[index].name if len(stages) > 1 else runs


def _start(init: str | None, config: Path, stages: tuple[Recipe, ...], index: int) -> Path | None:
    """The file that the stage starts from; None for random weights."""
    from bgblur.training.fit.finetune import initial_model
    from bgblur.training.fit.loop import CHECKPOINT

    if init is not None:
        return None if init == SCRATCH else initial_model(init)
    if index == 0:
        return None
    before = _folder(config, stages, index - 1) / CHECKPOINT
    if not before.exists():
        name, first = stages[index].name, stages[index - 1].name
        raise UsageError(
            f'stage "{name}" starts from stage "{first}", and there is no {before}: run that stage '
            "first, or name a model with --init"
        )
    return before


def _recipe(recipe: Recipe, init: Path | None, steps: int | None) -> Recipe:
    """The stage with the command's options; a fine-tuned network keeps its own shape."""
    from bgblur.training.fit.finetune import load_start

    if steps is not None:
        recipe = recipe.model_copy(update={"run": recipe.run.model_copy(update={"steps": steps})})
    if recipe.model.folded and init is not None:
        recipe = recipe.model_copy(update={"model": load_start(init).model})
    return recipe


def _refuse_finished(out: Path, steps: int) -> None:
    from bgblur.training.fit.checkpoint import load_checkpoint
    from bgblur.training.fit.loop import CHECKPOINT

    checkpoint = out / CHECKPOINT
    if checkpoint.exists() and load_checkpoint(checkpoint)["step"] >= steps:
        raise UsageError(
            f"{checkpoint} is of a finished run: export it with scripts/export.py, "
            "or choose another folder for a new run with --out"
        )


def _collections(data: Path, replay: Path | None, warn: bool) -> tuple[Collection, Collection]:
    """(train, the half "tune"). Own pictures get rooms of others: of ``replay``, or stock ones."""
    from bgblur.training.data.sets import Collection, mixed, stock_rooms
    from bgblur.training.data.split import load_collections, load_half

    if warn:
        for folder in filter(None, (data, replay)):
            warn_uncompared(folder)
    own, tune = load_collections(data)[0], load_half(data, "tune")
    if replay is not None:
        return mixed(own, load_collections(replay)[0]), mixed(tune, load_half(replay, "tune"))
    if not own.rooms:
        own = mixed(own, Collection({}, [], stock_rooms()))
    return own, tune


def _finish(
    network: nn.Module, checkpoint: Path, target: Path | None, pictures: Collection | None
) -> None:
    """Export to ``target``, if any; with ``pictures`` as int8, whose ranges they determine."""
    from bgblur.training.export.export import publish
    from bgblur.training.export.quantize import calibration
    from bgblur.training.fit.checkpoint import load_network

    if target is None:
        console.print(f"done: {checkpoint}; next: scripts/export.py {checkpoint} MODEL.ts")
        return
    calibrate = calibration(pictures) if pictures is not None else None
    exported = publish(network, target, load_network(checkpoint)[1], calibrate)
    console.print(
        f"done: {target}, {exported.size / 1e6:.1f} MB; use it: "
        f"bgblur-cam config set engine.model {target.resolve()}"
    )


def main() -> None:
    run(train)
