"""What was tried and seen, over all tests of a run: told at its end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Tally:
    faults: int = 0  # broken parts, and orders given while something was broken
    frames: int = 0  # published pictures in which the watermark was looked for
    raw_by_choice: int = 0  # of them, those that showed it because the user had chosen so
    leaks: int = 0

    def __str__(self) -> str:
        return (
            f"faults tried: {self.faults}, frames checked: {self.frames}, "
            f"raw by choice: {self.raw_by_choice}, leaks: {self.leaks}"
        )


TALLY = Tally()
