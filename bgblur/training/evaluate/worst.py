"""The worst photos of an evaluation: which they are, and in which way they fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bgblur.training.evaluate.evaluation import LARGE, MIXED_SETS, Scored

COUNT = 24


def worst(scored: Sequence[Scored], count: int = COUNT) -> list[Scored]:
    """Those of lowest IoU, the lowest first."""
    return sorted(scored, key=lambda s: s.iou)[:count]


def worst_section(scored: Sequence[Scored], height: int, seen: str) -> str:
    """Markdown: how many of the worst photos each set has, and whether they show too little of the
    person or too much beside. ``seen``: what a person sees on their contact sheet."""
    found = worst(scored)
    if not found:
        return seen
    sets = Counter(one.set_name for one in found)
    shares = ", ".join(f"{name} {number}" for name, number in sets.most_common())
    small = sum(one.share < LARGE and one.set_name in MIXED_SETS for one in found)
    missed = sum(one.missed > one.added for one in found)
    lines = [
        f"At input height {height}, IoU {found[0].iou:.2f} to {found[-1].iou:.2f}: {shares}. In "
        f"{small} of them people cover less than {LARGE:.0%} of the frame. {missed} miss more of "
        f"the person than they add, {len(found) - missed} the other way round. In the mean "
        f"{_mean([s.missed for s in found]):.0%} of the person is missed, and "
        f"{_mean([s.added for s in found]):.0%} of the person's area is added.",
        seen,
    ]
    return "\n\n".join(line for line in lines if line)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
