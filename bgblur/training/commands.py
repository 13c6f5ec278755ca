"""The command lines of scripts/train.py, evaluate.py and export.py: arguments in, one call out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bgblur.training.data import DataError

console = Console(stderr=True)

DataOption = Annotated[Path, typer.Option("--data", help="Folder with train/ and backgrounds/.")]


def _train(
    config: Annotated[Path, typer.Option(help="The recipe, a TOML file.")],
    data: DataOption = Path("data"),
    out: Annotated[Path, typer.Option(help="Checkpoints and logs; an old run resumes.")] = Path(
        "runs/unet-resnet18"
    ),
    init: Annotated[Path | None, typer.Option(help="Start from this checkpoint's weights.")] = None,
    steps: Annotated[int | None, typer.Option(help="Instead of the recipe's.")] = None,
) -> None:
    """Train from a recipe, resumable: run it again after an interruption."""
    import lightning as L
    from torch import nn
    from torch.utils.tensorboard import SummaryWriter

    from bgblur.training.data import load_collections
    from bgblur.training.evaluation import network_predictor, score_photos
    from bgblur.training.loop import Progress as Step
    from bgblur.training.loop import train
    from bgblur.training.settings import load_recipe

    recipe = load_recipe(config)
    if steps is not None:
        recipe = recipe.model_copy(update={"run": recipe.run.model_copy(update={"steps": steps})})
    collection, held_out = load_collections(data)
    writer = SummaryWriter(str(out))
    bar = Progress(
        TextColumn("step"),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.4f}  {task.fields[rate]:.0f} images/s"),
        TimeRemainingColumn(),
        console=console,
    )
    task = bar.add_task("train", total=recipe.run.steps, loss=0.0, rate=0.0)
    smooth = {"loss": 0.0}

    def report(step: Step) -> None:
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
        predict = network_predictor(network, 192)
        for name, pictures in held_out.photos.items():
            scored = score_photos(predict, pictures[:60])
            mean = sum(s.iou for s in scored) / max(1, len(scored))
            writer.add_scalar(f"iou/{name}", mean, step)
            console.print(f"step {step} IoU {name} {mean:.4f}")

    with bar:
        train(
            recipe,
            collection,
            out,
            report=report,
            validate=validate,
            init=init,
            fabric=L.Fabric(accelerator="auto", devices=1, precision=recipe.run.precision),
        )
    writer.close()
    console.print(f"done: {out}/last.ckpt; next: scripts/export.py {out}/last.ckpt MODEL.ts")


def _run(command: Callable[..., None]) -> None:
    try:
        typer.run(command)
    except DataError as error:
        console.print(str(error), style="red", markup=False, highlight=False)
        sys.exit(2)


def run_train() -> None:
    _run(_train)
