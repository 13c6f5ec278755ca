"""scripts/export.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bgblur.training.commands.shell import DataOption, run


def export(
    checkpoint: Annotated[
        Path, typer.Argument(help="A last.ckpt of scripts/train.py, or an exported model.ts.")
    ],
    target: Annotated[Path, typer.Argument(help="The TorchScript file to write.")],
    note: Annotated[
        str, typer.Option(help="Put before the recipe's summary in the file and the model card.")
    ] = "",
    int8: Annotated[
        bool, typer.Option("--int8", help="For processors; the ranges come from --data's pictures.")
    ] = False,
    data: DataOption = Path("data"),
    pictures: Annotated[
        int | None,
        typer.Option(min=1, help="How many of them; 256 if not given, which takes a minute."),
    ] = None,
) -> None:
    """Export the averaged network, verify it, and enter it in SHA256SUMS beside the target."""
    from bgblur.training.data.sets import load_collections
    from bgblur.training.export.export import publish
    from bgblur.training.export.quantize import PICTURES, calibration
    from bgblur.training.fit.checkpoint import load_network
    from bgblur.training.fit.finetune import load_start

    if checkpoint.suffix == ".ckpt":
        network, summary = load_network(checkpoint)
    else:
        start = load_start(checkpoint)
        network, summary = start.network.requires_grad_(False).eval(), start.history
    calibrate = calibration(load_collections(data)[0], pictures or PICTURES) if int8 else None
    exported = publish(network, target, f"{note} {summary}".strip(), calibrate)
    typer.echo(
        f"{target}: {exported.size / 1e6:.1f} MB, alpha within {exported.difference:.4f}"
        f"{' in the mean' if int8 else ''} of the network's\n{exported.sha256}"
    )


def main() -> None:
    run(export)
