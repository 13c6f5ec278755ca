"""One step of training: from a batch to new weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightning as L
import torch
from torch import Tensor

from bgblur.segmentation.network import normalise
from bgblur.training.fit.consistency import EVERY, consistency_loss, seen_again
from bgblur.training.fit.depthwise import depthwise_in_float32
from bgblur.training.fit.echo import Batch
from bgblur.training.fit.finetune import distillation_loss
from bgblur.training.fit.loss import laplacian_loss, matte_loss
from bgblur.training.fit.recipe import RunSettings
from bgblur.training.fit.recorded import RecordedStep

Teacher = Callable[[Tensor], Tensor]  # normalised images to logits


class Stepper:
    """Takes the steps of a run; ``recorded`` where ``records`` says so."""

    def __init__(
        self,
        fabric: L.Fabric,
        model: Any,
        optimizer: Any,
        run: RunSettings,
        teacher: Teacher | None,
        recorded: bool,
    ) -> None:
        self._fabric, self._model, self._optimizer = fabric, model, optimizer
        self._run, self._teacher = run, teacher
        if fabric.device.type == "cpu":
            depthwise_in_float32(model)
        self._recorded = RecordedStep(self._told_and_taken, fabric.device) if recorded else None

    def __call__(self, batch: Batch, step: int) -> float:
        """The loss before the step. What the teacher says is left with the batch."""
        run = self._run
        inputs = normalise(batch.images.float()).contiguous(memory_format=torch.channels_last)
        taught = self._teacher is not None and step > run.teach_from * run.steps
        alpha, weight = batch.seen(batch.alpha), batch.seen(batch.weight)
        if self._recorded is not None:
            return self._recorded((batch.seen(inputs), alpha, weight), taught)
        told = None
        if taught:
            if batch.told is None:
                batch.told = self._told(inputs)
            told = batch.seen(batch.told)
        inputs = batch.seen(inputs)
        if not run.consistency:
            return float(self._taken(inputs, alpha, weight, told))
        twice, moved = seen_again(inputs[::EVERY], run.seed + step)
        # In one go: of a model that is spread over processes, two at a time cannot be had.
        all_logits = self._model(torch.cat([inputs, twice])).float()
        logits, again = all_logits.split([len(inputs), len(twice)])
        loss = run.consistency * consistency_loss(logits[::EVERY], again, moved)
        return float(self._descended(loss + self._loss(logits, alpha, weight, told)))

    def _told_and_taken(
        self, inputs: Tensor, alpha: Tensor, weight: Tensor, taught: bool
    ) -> Tensor:
        return self._taken(inputs, alpha, weight, self._told(inputs) if taught else None)

    def _taken(self, inputs: Tensor, alpha: Tensor, weight: Tensor, told: Tensor | None) -> Tensor:
        logits = self._model(inputs).float()
        return self._descended(self._loss(logits, alpha, weight, told))

    def _told(self, inputs: Tensor) -> Tensor:
        assert self._teacher is not None
        return self._teacher(inputs)

    def _loss(self, logits: Tensor, alpha: Tensor, weight: Tensor, told: Tensor | None) -> Tensor:
        run = self._run
        loss = matte_loss(logits, alpha, weight)
        if run.laplacian:
            loss = loss + run.laplacian * laplacian_loss(logits, alpha, weight)
        if told is not None:
            loss = loss + run.distillation * distillation_loss(logits, told, alpha, weight)
        return loss

    def _descended(self, loss: Tensor) -> Tensor:
        # Before: a recording that fails may leave some.
        self._optimizer.zero_grad(set_to_none=True)
        self._fabric.backward(loss)
        # A from-scratch U-Net's first steps are the only ones that ever reach this bound.
        self._fabric.clip_gradients(
            self._model, self._optimizer, max_norm=5.0, error_if_nonfinite=False
        )
        self._optimizer.step()
        return loss.detach()


def records(fabric: L.Fabric, run: RunSettings) -> bool:
    """Whether steps are the same work each time: no other process is waited for, no scale of
    gradients is looked at, no place is drawn."""
    alone = fabric.device.type == "cuda" and fabric.world_size == 1
    return alone and run.precision != "16-mixed" and not run.consistency
