"""The training loop: Lightning Fabric, weight EMA, resumable to the step."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from bgblur.segmentation.contract import Contract
from bgblur.segmentation.network import normalise, with_new_blocks
from bgblur.training.data.sets import Collection, DataError
from bgblur.training.feed.loader import BatchTensors, StepSampler, make_loader
from bgblur.training.fit.checkpoint import (
    history_before,
    load_checkpoint,
    load_run,
    restore,
    save_checkpoint,
    training_history,
)
from bgblur.training.fit.echo import Answer, DrawBatches, echoed
from bgblur.training.fit.features import EncoderFeatures
from bgblur.training.fit.finetune import blend, initial_model, load_start
from bgblur.training.fit.launch import make_fabric
from bgblur.training.fit.recipe import Recipe, RunSettings
from bgblur.training.fit.step import Stepper, Teacher, records
from bgblur.training.fit.unfold import unfold_batch_norms

CHECKPOINT = "last.ckpt"
# Pictures to measure the batch norms of an exported model on, which has none.
_SAMPLED = 40  # batches
_LARGEST_SAMPLE = 16  # pictures a batch: enough pixels


@dataclass(frozen=True)
class StepReport:
    """Passed to the caller after each step. ``loss`` is that of the batch before the step."""

    step: int
    steps: int
    loss: float
    learning_rate: float
    images_per_second: float


OnStep = Callable[[StepReport], None]
Validate = Callable[[int, nn.Module], None]  # gets the step and the averaged network


def train(
    recipe: Recipe,
    collection: Collection,
    folder: Path,
    *,
    report: OnStep = lambda _: None,
    validate: Validate = lambda _step, _network: None,
    init: Path | None = None,
    fabric: L.Fabric | None = None,
) -> nn.Module:
    """Run the recipe and return the averaged network (eval mode, on the CPU).

    Checkpoints go to ``folder/last.ckpt``; the run resumes from one that exists. ``init`` is a file
    to start a new run from: a checkpoint's averaged weights, or an exported model, whose batch
    norms are restored unless the recipe's model is folded. It is also the teacher of a run that
    has one, unless ``run.teacher`` names others. Raises DataError or ModelError where one of
    the files is damaged, missing or of another network.
    """
    run = recipe.run
    fabric = fabric or make_fabric(run.precision)
    fabric.seed_everything(run.seed)
    draw = _drawing(fabric, collection, recipe)
    network, before = _begin(recipe, init, draw)
    network = network.to(memory_format=torch.channels_last)
    initial = copy.deepcopy(network).eval().requires_grad_(False).to(fabric.device)
    teacher = _teacher(run, initial, fabric) if run.taught else None
    recorded = records(fabric, run)
    # A recorded step reads its rate from the device's memory: a plain number would never change.
    rate = torch.tensor(run.learning_rate, device=fabric.device) if recorded else run.learning_rate
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=rate, weight_decay=run.weight_decay, capturable=recorded
    )
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: schedule(step, run.steps, run.warmup_steps)
    )
    average = AveragedModel(
        network, multi_avg_fn=get_ema_multi_avg_fn(run.ema_decay), use_buffers=True
    )
    model, optimizer = fabric.setup(network, optimizer)
    average = average.to(fabric.device)

    checkpoint, start, pictures = folder / CHECKPOINT, 0, collection.fingerprint()
    if checkpoint.exists():
        state = load_run(
            checkpoint, recipe, before, pictures, device=fabric.device, recorded=recorded
        )
        restore(network, state["network"], checkpoint)
        _restore_average(average, state, checkpoint)
        optimizer.load_state_dict(state["optimizer"])
        scheduler.load_state_dict(state["scheduler"])
        _restore_scale(fabric, state)
        start = int(state["step"])
        before = history_before(state)

    def save(step: int) -> None:
        if not fabric.is_global_zero:
            return
        state = {
            "step": step,
            "network": network.state_dict(),
            "average": average.module.state_dict(),
            "averaged": int(average.n_averaged),
            "optimizer": optimizer.state_dict(),
            "precision": fabric.strategy.precision.state_dict(),  # see _restore_scale
            "scheduler": scheduler.state_dict(),
            "recipe": recipe.model_dump(mode="json"),
            "before": before.model_dump(mode="json") if before is not None else None,
            "pictures": pictures,
        }
        save_checkpoint(checkpoint, state)

    batches = echoed(draw, recipe, start, fabric.global_rank)
    if start == 0 and init is not None and fabric.is_global_zero:
        validate(0, average.module.eval())  # the figures to compare later ones with
    model.train()
    take = Stepper(fabric, model, optimizer, run, teacher, recorded)
    began = time.perf_counter()
    for step, batch in enumerate(batches, start + 1):
        loss = take(batch, step)
        scheduler.step()
        average.update_parameters(network)
        speed = len(batch.images) / (time.perf_counter() - began)
        report(StepReport(step, run.steps, loss, float(scheduler.get_last_lr()[0]), speed))
        if step == run.steps and run.keep:
            blend(average.module, initial, run.keep)
        if step % run.checkpoint_every == 0 or step == run.steps:
            save(step)
        if fabric.is_global_zero and (step % run.validate_every == 0 or step == run.steps):
            validate(step, average.module.eval())
        began = time.perf_counter()
    finished: nn.Module = average.module.eval().cpu()
    return finished


def _restore_average(average: AveragedModel, state: dict[str, Any], checkpoint: Path) -> None:
    restore(average.module, state["average"], checkpoint)
    average.n_averaged.fill_(state["averaged"])


def _restore_scale(fabric: L.Fabric, state: dict[str, Any]) -> None:
    """Restore the loss scale, which only 16-mixed has."""
    if precision := state.get("precision"):  # absent from older checkpoints
        fabric.strategy.precision.load_state_dict(precision)


def _drawing(fabric: L.Fabric, collection: Collection, recipe: Recipe) -> DrawBatches:
    """Draws batches on the device where that is a GPU, unless the recipe says otherwise."""
    mix, augment = recipe.data.mix, recipe.run.augment
    if augment == "device" or (augment == "auto" and fabric.device.type == "cuda"):
        from bgblur.training.data.resident import load_resident
        from bgblur.training.feed.resident_loader import ResidentLoader

        pictures = load_resident(collection, fabric.device)
        return lambda sampler: ResidentLoader(pictures, mix, sampler)
    return lambda sampler: _in_one_line(
        fabric.setup_dataloaders(
            make_loader(collection, mix, sampler, recipe.run.workers), use_distributed_sampler=False
        )
    )


def _in_one_line(batches: Any) -> Iterator[BatchTensors]:
    """The batches. Strips the worker's traceback that torch puts before a picture's error."""
    try:
        yield from batches
    except DataError as error:
        said = str(error).rpartition(f"{DataError.__name__}: ")[2]
        raise DataError(said.removesuffix(r"\n")) from error


def _begin(
    recipe: Recipe, init: Path | None, draw: DrawBatches
) -> tuple[nn.Module, Contract | None]:
    """(network, the history of its weights; None without ``init``)."""
    model = recipe.model
    if init is None and (model.folded or recipe.run.keep or _teaches_itself(recipe.run)):
        raise DataError("this recipe starts from a trained model: name it with --init")
    network = model.build(model.encoder_weights)
    if init is None:
        return network, None
    if not model.folded and init.suffix == ".ckpt":
        first = load_checkpoint(init)
        restore(network, with_new_blocks(first["average"], network), init)
        return network, training_history(first, init)
    start = load_start(init)
    if not model.grows_from(start.model):
        raise DataError(f"{init} holds another network than the recipe: correct its [model]")
    if model.folded:
        return start.network, start.history
    smaller = unfold_batch_norms(start.network, start.model.build(), _sample(recipe, draw))
    network.load_state_dict(with_new_blocks(smaller.state_dict(), network))
    return network, start.history


def _sample(recipe: Recipe, draw: DrawBatches) -> Iterator[Tensor]:
    """Normalised images ``(N, 3, H, W)`` of all the recipe's sizes, the same in every process."""
    phases = tuple(replace(p, batch=min(p.batch, _LARGEST_SAMPLE)) for p in recipe.phases)
    for images, _, _ in draw(StepSampler(phases, 0, _SAMPLED, recipe.run.seed)):
        yield normalise(images.float()).cpu()


def _teaches_itself(run: RunSettings) -> bool:
    return run.taught and not run.teachers


def _teacher(run: RunSettings, initial: nn.Module, fabric: L.Fabric) -> Teacher:
    """A function from normalised images to the teachers' mean logits and the first's features."""
    networks = [_frozen(name, fabric) for name in run.teachers] or [initial]
    features = EncoderFeatures(networks[0]) if run.similarity else None

    def teach(inputs: Tensor) -> Answer:
        with torch.no_grad(), fabric.autocast():
            logits = torch.stack([network(inputs).float() for network in networks]).mean(0)
        return Answer(logits, features.last if features is not None else ())

    return teach


def _frozen(name: str, fabric: L.Fabric) -> nn.Module:
    network = load_start(initial_model(name)).network.eval().requires_grad_(False)
    return network.to(fabric.device).to(memory_format=torch.channels_last)


def schedule(step: int, steps: int, warmup: int) -> float:
    """Linear warm-up, then a cosine to zero (Loshchilov and Hutter 2017); a factor 0..1."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))
