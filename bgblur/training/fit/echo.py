"""Batches that are taken more than once (data echoing, Choi et al. 2019, arXiv:1907.05550).

On processors drawing a batch and asking a large teacher about it take as long as a small network's
step. What was drawn is kept for a while and taken again, mirrored every other time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from torch import Tensor

from bgblur.training.feed.loader import StepSampler
from bgblur.training.fit.recipe import Recipe

_APART = 32  # steps between a batch and its echo, so that a step's neighbours are other pictures

Drawn = tuple[Tensor, Tensor, Tensor]  # see ExampleDataset
Drawing = Callable[[StepSampler], Iterable[Drawn]]


@dataclass
class Batch:
    """``images``, ``alpha`` and ``weight`` as ``ExampleDataset`` has them; ``told`` is what the
    teacher says of them, once it was asked. ``mirrored`` is how all of it is taken this time."""

    images: Tensor
    alpha: Tensor
    weight: Tensor
    told: Tensor | None = None
    mirrored: bool = False

    def seen(self, plane: Tensor) -> Tensor:
        """A plane ``(N, C, H, W)`` of this batch as it is taken this time."""
        return plane.flip(-1) if self.mirrored else plane


def echoed(draw: Drawing, recipe: Recipe, done: int, rank: int = 0) -> Iterator[Batch]:
    """The batches of the recipe's steps but for those that are ``done``.

    Each is drawn for ``run.echo`` steps. A resumed run draws again what it had kept, and goes on as
    the unbroken one would have.
    """
    run = recipe.run
    apart = _APART if run.echo > 1 else 1
    rounds = done // (apart * run.echo)
    drawn = -(-run.steps // run.echo)
    sampler = StepSampler(recipe.phases, rounds * apart, drawn, run.seed, rank)
    first = rounds * apart * run.echo
    steps = _rounds((Batch(*planes) for planes in draw(sampler)), apart, run.echo)
    return islice(steps, done - first, run.steps - first)


def _rounds(batches: Iterator[Batch], apart: int, times: int) -> Iterator[Batch]:
    while True:
        kept: list[Batch] = []
        for batch in islice(batches, apart):
            kept.append(batch)
            yield batch
        if not kept:
            return
        for again in range(1, times):
            for batch in kept:
                batch.mirrored = again % 2 == 1
                yield batch
