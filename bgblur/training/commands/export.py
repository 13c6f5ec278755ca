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
    target: Annotated[
        Path, typer.Argument(help="The file to write: a .ts is TorchScript, an .xml OpenVINO's IR.")
    ],
    note: Annotated[
        str,
        typer.Option(help="Text for the file and its model card."),
    ] = "",
    int8: Annotated[
        bool,
        typer.Option("--int8", help="For processors; finds the ranges on pictures of --data."),
    ] = False,
    data: DataOption = Path("data"),
    pictures: Annotated[
        int | None,
        typer.Option(min=1, help="How many of them; 256 if left out, which takes a minute."),
    ] = None,
) -> None:
    """Export the averaged network, verify it, and add it to SHA256SUMS in the target's folder."""
    from bgblur.training.data.split import load_collections
    from bgblur.training.export.export import publish
    from bgblur.training.export.openvino_ir import publish_ir
    from bgblur.training.export.quantize import PICTURES, calibration
    from bgblur.training.fit.checkpoint import load_network
    from bgblur.training.fit.finetune import load_start

    if checkpoint.suffix == ".ckpt":
        network, history = load_network(checkpoint)
    else:
        start = load_start(checkpoint)
        network, history = start.network.requires_grad_(False).eval(), start.history
    calibrate = calibration(load_collections(data)[0], pictures or PICTURES) if int8 else None
    history = history.model_copy(update={"note": f"{note} {history.note}".strip()})
    write = publish_ir if target.suffix == ".xml" else publish
    exported = write(network, target, history, calibrate)
    typer.echo(
        f"{target}: {exported.size / 1e6:.1f} MB, alpha within {exported.difference:.4f}"
        f"{' in the mean' if int8 else ''} of the network's\n{exported.sha256}"
    )


def main() -> None:
    run(export)
