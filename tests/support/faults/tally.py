"""Counts what all tests of a run tried and saw; printed at its end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    faults: int = 0  # broken parts, and orders given while a part was broken
    frames: int = 0  # published pictures in which the watermark was looked for
    raw_by_choice: int = 0  # those of them that showed it by the user's choice
    leaks: int = 0
    held: int = 0  # frames that had the last alpha held
    heights: Counter[int] = field(default_factory=Counter)  # inferences at each height

    def __str__(self) -> str:
        return (
            f"faults tried: {self.faults}, frames checked: {self.frames}, "
            f"raw by choice: {self.raw_by_choice}, leaks: {self.leaks}, alphas held: {self.held}, "
            f"inferred at each height: {dict(sorted(self.heights.items()))}"
        )


TALLY = Tally()
