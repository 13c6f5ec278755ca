"""What the commands share: their options, how they speak, the settings in force."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

ConfigOption = Annotated[Path | None, typer.Option("--config", help="Another config.toml.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
StrengthOption = Annotated[int | None, typer.Option(help="0 (off) to 100.")]
ModeOption = Annotated[str | None, typer.Option(help="blur, image, color or none.")]
BackgroundOption = Annotated[
    str | None, typer.Option(help="A picture (sets --mode image) or #rrggbb (--mode color).")
]


def say(line: str) -> None:
    """One line to the user, beside the command's own output."""
    err.print(line, markup=False)
