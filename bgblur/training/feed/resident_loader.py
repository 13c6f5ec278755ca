"""Batches for the training loop, drawn on the training device from resident pictures."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from copy import copy
from itertools import chain, groupby, islice

import numpy as np
import torch

from bgblur.training.augment.examples import Mix
from bgblur.training.augment.examples_torch import draw_batch
from bgblur.training.data.resident import Resident
from bgblur.training.feed.loader import BatchTensors, Draw, StepSampler

_TOGETHER = 4  # steps drawn at once: one takes as long as four on a large GPU
_AHEAD = 2  # draws made ahead while the network is busy


class ResidentLoader:
    """Iterates over batches (image, alpha, weight), typed as the examples of ``ExampleDataset``.

    A batch depends only on the seeds of its sampler. The examples differ from the workers', but
    are the same in every run on one kind of device, resumed or not.
    """

    def __init__(self, pictures: Resident, mix: Mix, sampler: StepSampler) -> None:
        device = pictures.photo_bank.pixels.device
        self._pictures = pictures
        self._mix = mix
        self._sampler = sampler
        # A stream of its own, so that drawing does not wait for the queued steps.
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def __iter__(self) -> Iterator[BatchTensors]:
        sampler = copy(self._sampler)
        sampler.alike = _TOGETHER
        known = sampler.start % _TOGETHER  # a resumed run may begin within a draw
        sampler.start -= known
        batches = chain.from_iterable(self._drawn(iter(sampler)))
        return islice(batches, known, None)

    def _drawn(self, steps: Iterator[list[Draw]]) -> Iterator[list[BatchTensors]]:
        with ThreadPoolExecutor(1, "draw") as thread:
            ahead: deque[Future[list[BatchTensors]]] = deque()
            while draws := list(islice(steps, _TOGETHER)):
                ahead.append(thread.submit(self._draw, draws))
                if len(ahead) > _AHEAD:
                    yield self._taken(ahead.popleft())
            while ahead:
                yield self._taken(ahead.popleft())

    def _draw(self, steps: list[list[Draw]]) -> list[BatchTensors]:
        """Draw the batches of these steps; neighbours of one size are drawn together."""
        with torch.cuda.stream(self._stream) if self._stream else nullcontext():
            drawn: list[BatchTensors] = []
            for (height, width), alike in groupby(steps, lambda step: step[0].size):
                group = list(alike)
                counts = [len(step) for step in group]
                rng = np.random.default_rng(group[0][0].seed)
                batch = draw_batch(self._pictures, self._mix, sum(counts), height, width, rng)
                drawn += zip(*(planes.split(counts) for planes in batch), strict=True)
            if self._stream:
                self._stream.synchronize()  # wait in this thread, not in the training loop
        return drawn

    def _taken(self, batches: Future[list[BatchTensors]]) -> list[BatchTensors]:
        drawn = batches.result()
        if self._stream:
            for tensor in chain(*drawn):  # else its memory could be reused while it is read
                tensor.record_stream(torch.cuda.current_stream(tensor.device))
        return drawn
