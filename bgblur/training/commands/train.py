"""scripts/train.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bgblur.training.commands.shell import DataOption, console, run


def train(
    config: Annotated[Path, typer.Option(help="The recipe, a TOML file.")],
    data: DataOption = Path("data"),
    out: Annotated[Path, typer.Option(help="Checkpoints and logs; an old run resumes.")] = Path(
        "runs/unet-resnet18"
    ),
    init: Annotated[Path | None, typer.Option(help="Start from this checkpoint's weights.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's.")] = None,
) -> None:
    """Train from a recipe, resumable: run it again after an interruption."""
    import cv2
    from torch import nn
    from torch.utils.tensorboard import SummaryWriter

    from bgblur.training import loop
    from bgblur.training.data import load_collections
    from bgblur.training.evaluation import score_photos
    from bgblur.training.launch import make_fabric
    from bgblur.training.predictors import NetworkEngine, still_predictor
    from bgblur.training.settings import load_recipe
    from bgblur.training.sheet import worst_sheet

    recipe = load_recipe(config)
    if steps is not None:
        recipe = recipe.model_copy(update={"run": recipe.run.model_copy(update={"steps": steps})})
    collection, held_out = load_collections(data)
    fabric = make_fabric(recipe.run.precision)
    first = fabric.is_global_zero  # of several processes one speaks and writes
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

    def report(step: loop.Progress) -> None:
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
        for name, pictures in held_out.photos.items():
            scores = score_photos(predict, pictures[:60])
            mean = sum(s.iou for s in scores) / max(1, len(scores))
            writer.add_scalar(f"iou/{name}", mean, step)
            console.print(f"step {step} IoU {name} {mean:.4f}")
            scored += scores
        sheet = worst_sheet(predict, scored)
        writer.add_image("worst", sheet[..., ::-1], step, dataformats="HWC")
        cv2.imwrite(str(out / f"worst-{step:06}.png"), sheet)

    with bar:
        loop.train(
            recipe,
            collection,
            out,
            report=report,
            validate=validate,
            init=init,
            fabric=fabric,
        )
    if writer is not None:
        writer.close()
        console.print(f"done: {out}/last.ckpt; next: scripts/export.py {out}/last.ckpt MODEL.ts")


def main() -> None:
    run(train)
