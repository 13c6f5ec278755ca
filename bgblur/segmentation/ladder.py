"""The rungs that "auto" climbs: a network at an input height, how accurate it is, what it costs.

``weights/ladder.toml`` has the figures of the shipped models on processors; scripts/benchmark.py
--ladder measures them. A user's own model, and every model on a GPU, has a ladder of heights alone.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bgblur.errors import ModelError
from bgblur.segmentation.models import WEIGHTS

HEIGHTS = {"cpu": range(96, 289, 32), "mps": range(96, 353, 32), "cuda": range(96, 353, 32)}
TABLE = WEIGHTS / "ladder.toml"
_START = 2.5  # cost of the rung at which a stream begins, at most, in costs of the lowest


@dataclass(frozen=True)
class Rung:
    """``model`` is what ``engine.model`` may be. ``cost`` is an inference's processor time and
    ``accuracy`` its quality; both compare rungs of one ladder, their units do not matter."""

    model: str
    height: int
    cost: float
    accuracy: float

    def __str__(self) -> str:
        return f"{self.model} at {self.height} lines"


class Ladder:
    """``rungs`` ascend in accuracy and in cost. Of the ``measured`` ones it leaves out those to
    which another is preferable: as accurate or more, for less. Raises ValueError without any."""

    def __init__(self, measured: Iterable[Rung]) -> None:
        self._measured = tuple(measured)
        rungs: list[Rung] = []
        for rung in sorted(self._measured, key=lambda rung: (rung.cost, -rung.accuracy)):
            if not rungs or rung.accuracy > rungs[-1].accuracy:
                rungs.append(rung)
        if not rungs:
            raise ValueError("a ladder has at least one rung")
        self.rungs = tuple(rungs)

    @classmethod
    def of_heights(cls, model: str, heights: Iterable[int]) -> Ladder:
        """The ladder of one network: more lines are more accurate, and cost as their pixels."""
        return cls(Rung(model, height, float(height**2), float(height)) for height in heights)

    def without(self, model: str, height: int | None = None) -> Ladder | None:
        """The ladder without ``model``, or its one ``height``; None where nothing is left. Rungs
        that were left out because of those are on it."""
        left = [r for r in self._measured if r.model != model or height not in (None, r.height)]
        return Ladder(left) if left else None

    def start(self) -> Rung:
        """Where a stream begins: on the network that needs least, at a cost that most machines can
        bear. Loading it is quick, too."""
        lowest = self.rungs[0]
        within = [rung for rung in self.rungs if rung.cost <= _START * lowest.cost]
        return [rung for rung in within if rung.model == lowest.model][-1]


def read_table(path: Path = TABLE) -> tuple[Rung, ...]:
    """Every measured rung, also those that a ladder leaves out. Raises ModelError."""
    try:
        with path.open("rb") as file:
            rows = tomllib.load(file)["rung"]
        return tuple(_rung(**row) for row in rows)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} cannot be read: install bgblur again") from error


def accuracy_of(iou: float, boundary_f: float) -> float:
    """One figure to order rungs by: whether the person is found, and the outline that people see,
    count alike."""
    return (iou + boundary_f) / 2


def _rung(model: str, height: int, iou: float, boundary_f: float, cost: float) -> Rung:
    return Rung(str(model), int(height), float(cost), accuracy_of(float(iou), float(boundary_f)))
