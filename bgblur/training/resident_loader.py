"""Batches for the training loop, drawn on its device from pictures that stay there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from bgblur.training.augment import Mix
from bgblur.training.augment_torch import draw_batch
from bgblur.training.data import Collection
from bgblur.training.loader import StepSampler
from bgblur.training.resident import load_resident


class ResidentLoader:
    """Iterates over (image, alpha, weight) as ``ExampleDataset`` has them, batch by batch.

    A batch follows from its first draw's seed alone: other examples than the workers', but the same
    at every run on one kind of device.
    """

    def __init__(
        self, collection: Collection, mix: Mix, sampler: StepSampler, device: torch.device
    ) -> None:
        self._pictures = load_resident(collection, device)
        self._mix = mix
        self._sampler = sampler

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for draws in self._sampler:
            first = draws[0]
            rng = np.random.default_rng(first.seed)
            yield draw_batch(self._pictures, self._mix, len(draws), first.height, first.width, rng)
