"""Batches that are used for several steps (data echoing, Choi et al. 2019, arXiv:1907.05550).

On processors, drawing a batch and asking a large teacher about it takes as long as a step of a
small network. Each batch is kept for a while and used again, mirrored every other time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from torch import Tensor

from bgblur.training.feed.loader import BatchTensors, StepSampler
from bgblur.training.fit.recipe import Recipe

_APART = 32  # steps between two uses of a batch, so that neighbouring steps see other pictures

DrawBatches = Callable[[StepSampler], Iterable[BatchTensors]]


@dataclass(frozen=True)
class Answer:
    """A teacher's ``logits`` (N, 1, H, W) and its encoder's ``features``, each (N, C, h, w)."""

    logits: Tensor
    features: tuple[Tensor, ...] = ()


@dataclass
class EchoedBatch:
    """``images``, ``alpha`` and ``weight`` as in ``ExampleDataset``.

    ``answer`` is the teacher's, once it was asked. ``mirrored`` holds for the next use.
    """

    images: Tensor
    alpha: Tensor
    weight: Tensor
    answer: Answer | None = None
    mirrored: bool = False

    def seen(self, plane: Tensor) -> Tensor:
        """A plane ``(N, C, H, W)`` of this batch, mirrored where the batch is."""
        return plane.flip(-1) if self.mirrored else plane

    def heard(self) -> Answer | None:
        """The answer, mirrored where the batch is."""
        if self.answer is None:
            return None
        features = tuple(self.seen(planes) for planes in self.answer.features)
        return Answer(self.seen(self.answer.logits), features)


def echoed(draw: DrawBatches, recipe: Recipe, done: int, rank: int = 0) -> Iterator[EchoedBatch]:
    """The batches of the recipe's steps, without the first ``done``.

    Each batch is used for ``run.echo`` steps. A resumed run draws the batches again that it had
    kept, and continues exactly as an unbroken run.
    """
    run = recipe.run
    apart = _APART if run.echo > 1 else 1
    rounds = done // (apart * run.echo)
    count = -(-run.steps // run.echo)
    sampler = StepSampler(recipe.phases, rounds * apart, count, run.seed, rank)
    first = rounds * apart * run.echo
    steps = _rounds((EchoedBatch(*tensors) for tensors in draw(sampler)), apart, run.echo)
    return islice(steps, done - first, run.steps - first)


def _rounds(batches: Iterator[EchoedBatch], apart: int, times: int) -> Iterator[EchoedBatch]:
    while True:
        kept: list[EchoedBatch] = []
        for batch in islice(batches, apart):
            kept.append(batch)
            yield batch
        if not kept:
            return
        for again in range(1, times):
            for batch in kept:
                batch.mirrored = again % 2 == 1
                yield batch
