"""The training loop: Lightning Fabric, weight EMA, resumable to the step."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from bgblur.segmentation.network import build_network, normalise
from bgblur.training.checkpoint import (
    load_checkpoint,
    restore,
    save_checkpoint,
    training_summary,
)
from bgblur.training.consistency import EVERY, consistency_loss, seen_again
from bgblur.training.data import Collection, DataError
from bgblur.training.finetune import blend, distillation_loss, initial_model, load_start
from bgblur.training.launch import make_fabric
from bgblur.training.loader import StepSampler, make_loader
from bgblur.training.loss import laplacian_loss, matte_loss
from bgblur.training.settings import Recipe, RunSettings
from bgblur.training.unfold import unfold_batch_norms

CHECKPOINT = "last.ckpt"
# What batch norms are measured on where an exported model has none.
_SAMPLED = 40  # batches
_LARGEST_SAMPLE = 16  # pictures a batch: many pixels already, and a GPU's batch is slow to draw


@dataclass(frozen=True)
class Progress:
    """What the loop tells its caller after each step."""

    step: int
    steps: int
    loss: float
    learning_rate: float
    images_per_second: float


Report = Callable[[Progress], None]
Validate = Callable[[int, nn.Module], None]


def train(
    recipe: Recipe,
    collection: Collection,
    folder: Path,
    *,
    report: Report = lambda _: None,
    validate: Validate = lambda _step, _network: None,
    init: Path | None = None,
    fabric: L.Fabric | None = None,
) -> nn.Module:
    """Run the recipe and return the averaged network (eval mode, on the CPU).

    Checkpoints go to ``folder/last.ckpt``; where one lies already, the run continues from it.
    ``init`` names what a new run starts from: the averaged weights of a checkpoint, or an exported
    model, which gets its batch norms back unless the recipe's model is folded. With
    ``run.distillation`` it is also the teacher, unless ``run.teacher`` names another. Raises
    DataError or ModelError where one of them is damaged, missing or of another network.
    """
    run = recipe.run
    fabric = fabric or make_fabric(run.precision)
    fabric.seed_everything(run.seed)
    network, before = _begin(recipe, init, collection)
    network = network.to(memory_format=torch.channels_last)
    initial = copy.deepcopy(network).eval().requires_grad_(False).to(fabric.device)
    teacher = _teacher(run, initial, fabric) if run.distillation else None
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=run.learning_rate, weight_decay=run.weight_decay
    )
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: schedule(step, run.steps, run.warmup_steps)
    )
    average = AveragedModel(
        network, multi_avg_fn=get_ema_multi_avg_fn(run.ema_decay), use_buffers=True
    )
    model, optimizer = fabric.setup(network, optimizer)
    average = average.to(fabric.device)

    start = 0
    checkpoint = folder / CHECKPOINT
    if checkpoint.exists():
        state = load_checkpoint(checkpoint, fabric.device)
        restore(network, state["network"], checkpoint)
        restore(average.module, state["average"], checkpoint)
        average.n_averaged.fill_(state["averaged"])
        optimizer.load_state_dict(state["optimizer"])
        scheduler.load_state_dict(state["scheduler"])
        start = int(state["step"])
        before = state.get("before", "")

    def save(step: int) -> None:
        if not fabric.is_global_zero:
            return
        state = {
            "step": step,
            "network": network.state_dict(),
            "average": average.module.state_dict(),
            "averaged": int(average.n_averaged),
            "optimizer": optimizer.state_dict(),
            "scheduler": scheduler.state_dict(),
            "recipe": recipe.model_dump(mode="json"),
            "before": before,
        }
        save_checkpoint(checkpoint, state)

    sampler = StepSampler(recipe.phases, start, run.steps, run.seed, fabric.global_rank)
    loader = _batches(fabric, collection, recipe, sampler)
    if start == 0 and init is not None and fabric.is_global_zero:
        validate(0, average.module.eval())  # what there is to gain, and to lose
    model.train()
    began = time.perf_counter()
    for step, (images, alpha, weight) in enumerate(loader, start + 1):
        teach = teacher if step > run.teach_from * run.steps else None
        loss = _step(fabric, model, optimizer, images, alpha, weight, teach, run, step)
        scheduler.step()
        average.update_parameters(network)
        seconds = time.perf_counter() - began
        report(
            Progress(
                step, run.steps, loss, float(scheduler.get_last_lr()[0]), len(images) / seconds
            )
        )
        if step == run.steps and run.keep:
            blend(average.module, initial, run.keep)
        if step % run.checkpoint_every == 0 or step == run.steps:
            save(step)
        if fabric.is_global_zero and (step % run.validate_every == 0 or step == run.steps):
            validate(step, average.module.eval())
        began = time.perf_counter()
    finished: nn.Module = average.module.eval().cpu()
    return finished


def _batches(
    fabric: L.Fabric, collection: Collection, recipe: Recipe, sampler: StepSampler
) -> Iterable[tuple[Tensor, Tensor, Tensor]]:
    """Drawn on the device where that is a GPU, unless the recipe says otherwise."""
    mix, augment = recipe.data.mix, recipe.run.augment
    if augment == "device" or (augment == "auto" and fabric.device.type == "cuda"):
        from bgblur.training.resident_loader import ResidentLoader

        return ResidentLoader(collection, mix, sampler, fabric.device)
    return fabric.setup_dataloaders(  # type: ignore[return-value]  # one for the one it is given
        make_loader(collection, mix, sampler, recipe.run.workers), use_distributed_sampler=False
    )


def _begin(recipe: Recipe, init: Path | None, collection: Collection) -> tuple[nn.Module, str]:
    """(network, how its weights came about, for the model card)."""
    model = recipe.model
    if init is None and (model.folded or recipe.run.keep or _taught_by_itself(recipe.run)):
        raise DataError("this recipe goes on from a trained model: name it with --init")
    network = build_network(
        model.encoder, model.decoder_channels, model.encoder_weights, model.decoder
    )
    if init is None:
        return network, ""
    if not model.folded and init.suffix == ".ckpt":
        first = load_checkpoint(init)
        restore(network, first["average"], init)
        return network, training_summary(first, init)
    start = load_start(init)
    if not model.same_network(start.model):
        raise DataError(f"{init} holds another network than the recipe: mend its [model]")
    if model.folded:
        return start.network, start.history
    return unfold_batch_norms(start.network, network, _sample(recipe, collection)), start.history


def _sample(recipe: Recipe, collection: Collection) -> Iterator[Tensor]:
    """Normalised images ``(N, 3, H, W)`` of all the recipe's sizes, the same in every process."""
    phases = tuple(replace(p, batch=min(p.batch, _LARGEST_SAMPLE)) for p in recipe.phases)
    sampler = StepSampler(phases, 0, _SAMPLED, recipe.run.seed)
    for images, _, _ in make_loader(collection, recipe.data.mix, sampler, workers=0):
        yield normalise(images.float())


def _taught_by_itself(run: RunSettings) -> bool:
    return bool(run.distillation) and run.teacher is None


def _teacher(run: RunSettings, initial: nn.Module, fabric: L.Fabric) -> Callable[[Tensor], Tensor]:
    """Normalised images to the teacher's logits."""
    network = initial
    if run.teacher is not None:
        network = load_start(initial_model(run.teacher)).network.eval().requires_grad_(False)
        network = network.to(fabric.device).to(memory_format=torch.channels_last)

    def teach(inputs: Tensor) -> Tensor:
        with torch.no_grad(), fabric.autocast():
            answers: Tensor = network(inputs)
            return answers.float()

    return teach


def _step(
    fabric: L.Fabric,
    model: Any,
    optimizer: Any,
    images: Tensor,
    alpha: Tensor,
    weight: Tensor,
    teacher: Callable[[Tensor], Tensor] | None,
    run: RunSettings,
    step: int,
) -> float:
    inputs = normalise(images.float()).contiguous(memory_format=torch.channels_last)
    if run.consistency:
        twice, moved = seen_again(inputs[::EVERY], run.seed + step)
        # In one go: of a model that is spread over processes, two at a time cannot be had.
        all_logits = model(torch.cat([inputs, twice])).float()
        logits, again = all_logits.split([len(inputs), len(twice)])
        loss = run.consistency * consistency_loss(logits[::EVERY], again, moved)
    else:
        logits = model(inputs).float()
        loss = logits.new_zeros(())
    loss = loss + matte_loss(logits, alpha, weight)
    if run.laplacian:
        loss = loss + run.laplacian * laplacian_loss(logits, alpha, weight)
    if teacher is not None:
        loss = loss + run.distillation * distillation_loss(logits, teacher(inputs), alpha, weight)
    fabric.backward(loss)
    # A from-scratch U-Net's first steps are the only ones that ever reach this bound.
    fabric.clip_gradients(model, optimizer, max_norm=5.0, error_if_nonfinite=False)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return float(loss.detach())


def schedule(step: int, steps: int, warmup: int) -> float:
    """Linear warm-up, then a cosine to zero (Loshchilov and Hutter 2017); a factor 0..1."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))
