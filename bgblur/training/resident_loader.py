"""Batches for the training loop, drawn on its device from pictures that stay there."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext

import numpy as np
import torch
from torch import Tensor

from bgblur.training.augment import Mix
from bgblur.training.augment_torch import draw_batch
from bgblur.training.data import Collection
from bgblur.training.loader import Draw, StepSampler
from bgblur.training.resident import load_resident

_AHEAD = 2  # batches drawn while the network is busy with one

Drawn = tuple[Tensor, Tensor, Tensor]


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
        # Of its own: what is drawn must not wait for the steps that are queued.
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def __iter__(self) -> Iterator[Drawn]:
        steps = iter(self._sampler)
        with ThreadPoolExecutor(1, "draw") as thread:
            ahead: deque[Future[Drawn]] = deque()
            for draws in steps:
                ahead.append(thread.submit(self._draw, draws))
                if len(ahead) > _AHEAD:
                    yield self._taken(ahead.popleft())
            while ahead:
                yield self._taken(ahead.popleft())

    def _draw(self, draws: list[Draw]) -> Drawn:
        first = draws[0]
        rng = np.random.default_rng(first.seed)
        with torch.cuda.stream(self._stream) if self._stream else nullcontext():
            batch = draw_batch(
                self._pictures, self._mix, len(draws), first.height, first.width, rng
            )
            if self._stream:
                self._stream.synchronize()  # here: it is this thread's time that is waited away
        return batch

    def _taken(self, batch: Future[Drawn]) -> Drawn:
        drawn = batch.result()
        if self._stream:
            for tensor in drawn:  # else its memory would be drawn into while it is still read
                tensor.record_stream(torch.cuda.current_stream(tensor.device))
        return drawn
