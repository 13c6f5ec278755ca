"""Reads the figures that a model must reach from a TOML file, and checks them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import model_validator

from bgblur.training.data.sets import DataError
from bgblur.training.evaluate.evaluation import Figures
from bgblur.training.fit.recipe import Section, load_toml


class Target(Section):
    """A bound on a figure. ``row``: a row of the tables, such as ``eg1800`` or ``mean``."""

    row: str
    figure: Literal[
        "iou", "boundary_f", "fine_f", "mad", "band_mad", "band_gradient", "dtssd", "leak"
    ]
    input_height: int
    least: float | None = None
    most: float | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> Target:
        if (self.least is None) == (self.most is None):
            raise ValueError('a target has either "least" or "most"')
        return self


class Targets(Section):
    """The file: one ``[[target]]`` table per target."""

    target: tuple[Target, ...]


@dataclass(frozen=True)
class Verdict:
    target: Target
    value: float

    @property
    def met(self) -> bool:
        least, most = self.target.least, self.target.most
        return self.value >= least if least is not None else self.value <= (most or 0.0)


def load_targets(path: Path) -> tuple[Target, ...]:
    """Read the targets. Raises DataError if the file cannot be read or is wrong."""
    return load_toml(path, Targets, "the targets").target


def check_heights(targets: tuple[Target, ...], heights: list[int]) -> None:
    """Check before measuring. Raises DataError for a target at another input height."""
    for target in targets:
        if target.input_height not in heights:
            raise DataError(
                f'the target for {target.figure} of "{target.row}" is at input height '
                f"{target.input_height}: add --input-height {target.input_height}, or change it"
            )


def judge(targets: tuple[Target, ...], heights: dict[int, Figures]) -> list[Verdict]:
    """Check each target. Raises DataError if its figure was not measured."""
    verdicts = []
    for target in targets:
        figures = heights.get(target.input_height)
        rows = {**figures.photos, **figures.clips, **figures.rooms} if figures else {}
        value = rows.get(target.row, {}).get(target.figure)
        if value is None:
            raise DataError(
                f'no {target.figure} of "{target.row}" at input height {target.input_height} '
                "was measured: add --input-height, or change the target"
            )
        verdicts.append(Verdict(target, value))
    return verdicts


def verdict_table(verdicts: list[Verdict]) -> str:
    """A Markdown table."""
    lines = ["| must | input height | measured | |", "|---|---|---|---|"]
    for verdict in verdicts:
        target = verdict.target
        sign, bound = ("≥", target.least) if target.least is not None else ("≤", target.most)
        lines.append(
            f"| {target.row}: {target.figure} {sign} {bound:g} | {target.input_height} "
            f"| {verdict.value:.4f} | {'met' if verdict.met else '**not met**'} |"
        )
    return "\n".join(lines)
