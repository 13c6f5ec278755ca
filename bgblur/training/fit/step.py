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
from bgblur.training.fit.echo import Answer, EchoedBatch
from bgblur.training.fit.features import EncoderFeatures, similarity_loss
from bgblur.training.fit.finetune import distillation_loss
from bgblur.training.fit.loss import laplacian_loss, matte_loss
from bgblur.training.fit.recipe import RunSettings
from bgblur.training.fit.recorded import RecordedStep

Teacher = Callable[[Tensor], Answer]  # of normalised images


class Stepper:
    """Takes the steps of a run; ``recorded`` is the answer of ``records``."""

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
        self._features = EncoderFeatures(model.module) if run.similarity else None
        if fabric.device.type == "cpu":
            depthwise_in_float32(model)
        self._recorded = RecordedStep(self._ask_and_step, fabric.device) if recorded else None

    def __call__(self, batch: EchoedBatch, step: int) -> float:
        """Take a step. Returns the loss before it; keeps the teacher's answer in the batch."""
        run = self._run
        inputs = normalise(batch.images.float()).contiguous(memory_format=torch.channels_last)
        taught = self._teacher is not None and step > run.teach_from * run.steps
        alpha, weight = batch.seen(batch.alpha), batch.seen(batch.weight)
        if self._recorded is not None:
            return self._recorded((batch.seen(inputs), alpha, weight), taught)
        if taught and batch.answer is None:
            batch.answer = self._ask(inputs)
        answer = batch.heard() if taught else None
        inputs = batch.seen(inputs)
        if not run.consistency:
            return float(self._step(inputs, alpha, weight, answer))
        copies, movement = seen_again(inputs[::EVERY], run.seed + step)
        # One forward pass: a model that is spread over processes cannot have two at a time.
        all_logits = self._model(torch.cat([inputs, copies])).float()
        logits, again = all_logits.split([len(inputs), len(copies)])
        loss = run.consistency * consistency_loss(logits[::EVERY], again, movement)
        return float(self._descend(loss + self._loss(logits, alpha, weight, answer)))

    def _ask_and_step(self, inputs: Tensor, alpha: Tensor, weight: Tensor, taught: bool) -> Tensor:
        return self._step(inputs, alpha, weight, self._ask(inputs) if taught else None)

    def _step(self, inputs: Tensor, alpha: Tensor, weight: Tensor, answer: Answer | None) -> Tensor:
        logits = self._model(inputs).float()
        return self._descend(self._loss(logits, alpha, weight, answer))

    def _ask(self, inputs: Tensor) -> Answer:
        assert self._teacher is not None
        return self._teacher(inputs)

    def _loss(self, logits: Tensor, alpha: Tensor, weight: Tensor, answer: Answer | None) -> Tensor:
        run = self._run
        loss = matte_loss(logits, alpha, weight)
        if run.laplacian:
            loss = loss + run.laplacian * laplacian_loss(logits, alpha, weight)
        if answer is not None and run.distillation:
            taught = distillation_loss(logits, answer.logits, alpha, weight)
            loss = loss + run.distillation * taught
        if answer is not None and self._features is not None:
            features = [planes[: len(logits)] for planes in self._features.last]
            loss = loss + run.similarity * similarity_loss(features, answer.features)
        return loss

    def _descend(self, loss: Tensor) -> Tensor:
        # Cleared before, not after: a recording that fails may leave gradients.
        self._optimizer.zero_grad(set_to_none=True)
        self._fabric.backward(loss)
        # Only the first steps of a U-Net with random weights ever reach this bound.
        self._fabric.clip_gradients(
            self._model, self._optimizer, max_norm=5.0, error_if_nonfinite=False
        )
        self._optimizer.step()
        return loss.detach()


def records(fabric: L.Fabric, run: RunSettings) -> bool:
    """True where each step is the same work, so that it can be recorded: it waits for no other
    process, reads no loss scale and draws no random numbers."""
    alone = fabric.device.type == "cuda" and fabric.world_size == 1
    return alone and run.precision != "16-mixed" and not run.consistency
