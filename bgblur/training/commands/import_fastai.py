"""scripts/import_fastai.py."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bgblur.errors import UsageError
from bgblur.training.commands.shell import console, run

WARNING = "a Learner is a pickle, and a pickle can run code: import only one you made or trust"


def import_fastai(
    learner: Annotated[Path, typer.Argument(help="A file written by learn.export().")],
    target: Annotated[Path, typer.Argument(help="TorchScript file to write.")],
    trust: Annotated[
        bool, typer.Option("--trust", help="Open the pickle without asking: it can run code.")
    ] = False,
    person_class: Annotated[
        str | None,
        typer.Option(help="Its name or index; default: the class called person, or else 1."),
    ] = None,
) -> None:
    """Convert the Learner of a fastai unet_learner into a model for [engine] model."""
    _ask(trust)
    from bgblur.training.fastai.importing import convert, read_learner

    with console.status("reading the learner"):
        imported = read_learner(learner, person_class)
    person = f"class {imported.person}"
    if imported.classes:
        person += f" of {', '.join(imported.classes)}"
    with console.status("converting and comparing"):
        exported = convert(imported, target, f"From the fastai Learner {learner.name}, {person}.")
    typer.echo(
        f"{target}: {exported.size / 1e6:.1f} MB, alpha within {exported.difference:.4f} of the "
        f"learner's; the person is {person}\n{exported.sha256}"
    )
    if not imported.classes:
        other = 1 - imported.person
        typer.echo(f"If it blurs you instead of the room, import with --person-class {other}")
    if imported.height is not None:
        fitting = max(96, round(imported.height / 32) * 32)
        typer.echo(
            f"It was trained on pictures {imported.height} high: "
            f"engine.input_height = {fitting} gives the best masks, a smaller one is faster"
        )


def _ask(trust: bool) -> None:
    if trust:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{WARNING}, with --trust")
    if not typer.confirm(f"{WARNING[0].upper()}{WARNING[1:]}. Open it?", err=True):
        raise UsageError("the file was not opened")


def main() -> None:
    run(import_fastai)
