"""What the commands share: their options, how they speak, the settings in force."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from bgblur.config.settings import Settings

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


def effective(config: Path | None, options: dict[str, Any]) -> Settings:
    """The configuration file with the command line laid over it. Raises UsageError."""
    from bgblur.config.file import default_path, load
    from bgblur.config.overrides import Overrides

    settings = load(config or default_path())
    chosen = {key: value for key, value in options.items() if value is not None}
    return Overrides(chosen, settings).over(settings)


def background_options(
    strength: int | None, mode: str | None, background: str | None
) -> dict[str, Any]:
    """--strength, --mode and --background as configuration keys; None where not given."""
    options: dict[str, Any] = {"background.strength": strength, "background.mode": mode}
    if background is not None:
        kind = "color" if background.startswith("#") else "image"
        options[f"background.{kind}"] = background
        options["background.mode"] = mode or kind
    return options
