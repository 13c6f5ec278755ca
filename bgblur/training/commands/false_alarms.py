"""scripts/false_alarms.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bgblur.training.commands.shell import DataOption, console, run
from bgblur.training.data.split import Half


def false_alarms(
    model: Annotated[str, typer.Option(help="A shipped model's name, or a file.")] = "unet-lite",
    data: DataOption = Path("data"),
    half: Annotated[Half, typer.Option(help="Held-out photos: tune or report.")] = "report",
    input_height: Annotated[int, typer.Option(min=32)] = 160,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "cpu",
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many photos of each set.")
    ] = None,
) -> None:
    """Measure how often the guard refuses a true alpha: on all clips, and on held-out photos that
    are shown to it like a camera's picture."""
    from bgblur.media.reader import VideoReader
    from bgblur.training.data.split import load_half
    from bgblur.training.evaluate.engines import engine_for
    from bgblur.training.evaluate.false_alarms import alarms_of, refused_photos
    from bgblur.training.evaluate.tables import table

    engine = engine_for(model, device, input_height=input_height)
    clips: dict[str, dict[str, float]] = {}
    for kind, pattern in {"webcam": "*.mkv", "composited": "*.mp4"}.items():
        found = []
        for clip in sorted((data / "video" / kind).glob(pattern)):
            with console.status(clip.name):
                found.append(alarms_of(engine, (image for image, _ in VideoReader(clip))))
        if found:
            clips[kind] = {
                "clips": len(found),
                "frames": sum(alarms.frames for alarms in found),
                "refused": sum(alarms.refused for alarms in found),
                "changes": sum(alarms.changes for alarms in found),
            }
    typer.echo(f"{table('clips', clips)}\n")
    photos: dict[str, dict[str, float]] = {}
    for name, pictures in load_half(data, half).photos.items():
        with console.status(name):
            refused = refused_photos(engine, pictures[:limit])
        count = len(pictures[:limit])
        photos[name] = {"pictures": count, "refused": len(refused), "share": len(refused) / count}
        for picture in refused:
            console.print(f"refused: {picture.image}")
    typer.echo(table(f'photos of "{half}"', photos))


def main() -> None:
    run(false_alarms)
