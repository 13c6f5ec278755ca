"""scripts/export.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bgblur.training.commands.shell import run


def export(
    checkpoint: Annotated[Path, typer.Argument(help="A last.ckpt of scripts/train.py.")],
    target: Annotated[Path, typer.Argument(help="The TorchScript file to write.")],
    note: Annotated[
        str, typer.Option(help="Put before the recipe's summary in the file and the model card.")
    ] = "",
) -> None:
    """Export the averaged network, verify it, and enter it in SHA256SUMS beside the target."""
    from bgblur.training.checkpoint import load_network
    from bgblur.training.export import publish

    network, summary = load_network(checkpoint)
    exported = publish(network, target, f"{note} {summary}".strip())
    typer.echo(
        f"{target}: {exported.size / 1e6:.1f} MB, alpha within {exported.difference:.4f} of the "
        f"checkpoint's\n{exported.sha256}"
    )


def main() -> None:
    run(export)
