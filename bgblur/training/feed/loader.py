"""Batches for the training loop, made by worker processes from seeded draws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from bgblur.training.augment.examples import Mix, draw_example
from bgblur.training.data.sets import Collection

# Images uint8 RGB (N, 3, H, W), alpha and weight float32 (N, 1, H, W).
BatchTensors = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Draw:
    """Identifies one example: the same draw always gives the same example."""

    height: int
    width: int
    seed: tuple[int, int, int]  # (run, step, place in the batch)

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width


@dataclass(frozen=True)
class Phase:
    """A part of the run: until this share of its steps, batches have one of these sizes."""

    until: float
    batch: int
    sizes: tuple[tuple[int, int], ...]  # (height, width)


class ExampleDataset(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Maps a draw to image ``uint8`` RGB (3, H, W), alpha and weight ``float32`` (1, H, W)."""

    def __init__(self, collection: Collection, mix: Mix) -> None:
        self.collection = collection
        self.mix = mix

    def __getitem__(self, draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
        rng = np.random.default_rng(draw.seed)
        example = draw_example(self.collection, self.mix, draw.height, draw.width, rng)
        rgb = np.ascontiguousarray(example.image[..., ::-1].transpose(2, 0, 1))
        return (
            torch.from_numpy(rgb),
            torch.from_numpy(example.alpha)[None],
            torch.from_numpy(example.weight)[None],
        )


class StepSampler(Sampler[list[Draw]]):
    """Yields the draws of every step from ``start`` on; a resumed run continues the sequence.

    Several processes (``rank``) use different seeds, but the same size at each step, because all
    wait for the slowest. ``alike`` steps in a row have the same size, unless a phase ends.
    """

    def __init__(
        self,
        phases: tuple[Phase, ...],
        start: int,
        steps: int,
        seed: int,
        rank: int = 0,
        alike: int = 1,
    ) -> None:
        self.phases = phases
        self.start = start
        self.steps = steps
        self.seed = seed
        self.rank = rank
        self.alike = alike

    def __iter__(self) -> Iterator[list[Draw]]:
        for step in range(self.start, self.steps):
            phase = next(p for p in self.phases if step < p.until * self.steps or p.until >= 1)
            rng = np.random.default_rng((self.seed, step // self.alike))
            height, width = phase.sizes[int(rng.integers(len(phase.sizes)))]
            own = self.seed + 1_000_003 * self.rank
            yield [Draw(height, width, (own, step, i)) for i in range(phase.batch)]

    def __len__(self) -> int:
        return self.steps - self.start


def make_loader(
    collection: Collection, mix: Mix, sampler: StepSampler, workers: int
) -> DataLoader[BatchTensors]:
    return DataLoader(
        ExampleDataset(collection, mix),
        batch_sampler=sampler,
        num_workers=workers,
        worker_init_fn=_one_thread,
        # A forked worker inherits OpenCV's thread pool without its threads, and would hang.
        multiprocessing_context="spawn" if workers else None,
        persistent_workers=False,
        prefetch_factor=4 if workers else None,
    )


def _one_thread(_worker: int) -> None:
    cv2.setNumThreads(1)  # leave the cores to the network
