"""Options and consoles that the commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

ConfigOption = Annotated[Path | None, typer.Option("--config", help="Configuration file to use.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
QualityOption = Annotated[
    Literal["fast", "balanced", "best"],
    typer.Option(help="More time finds the person more exactly."),
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]
StrengthOption = Annotated[int | None, typer.Option(help="Blur strength, 0 (off) to 100.")]
BlurOption = Annotated[
    str | None, typer.Option(help="gaussian, or lens (highlights become discs).")
]
ModeOption = Annotated[
    str | None, typer.Option(help="blur, image, color or none (shows the room).")
]
BackgroundOption = Annotated[
    str | None, typer.Option(help="Picture or clip (mode image), or #rrggbb (mode color).")
]


def say(line: str) -> None:
    """Print one line to standard error."""
    err.print(line, markup=False)
