"""scripts/compare_peer.py."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import typer

from bgblur.errors import UsageError
from bgblur.training.commands.shell import DataOption, check_place, console, run


def compare_peer(
    data: DataOption = Path("data"),
    rounds: Annotated[
        int, typer.Option(min=1, help="Timed passes of each side over each clip.")
    ] = 2,
    frames: Annotated[int, typer.Option(min=2, help="Frames per clip, at most.")] = 75,
    clips: Annotated[
        int, typer.Option(min=1, help='Number of clips of the half "report", at most.')
    ] = 5,
    model: Annotated[str, typer.Option(help="bgblur's model, as engine.model.")] = "auto",
    input_height: Annotated[
        str, typer.Option(help="bgblur's height, as engine.input_height.")
    ] = "auto",
    peer: Annotated[
        Path | None, typer.Option(help="Folder of MediaPipe's environment; made if missing.")
    ] = None,
    python: Annotated[
        str | None, typer.Option(help="A Python 3.9 to 3.12 to make it with.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="File to write the figures to.")
    ] = None,
) -> None:
    """Blur the same clips with bgblur and MediaPipe in turn, and compare speed and accuracy."""
    from bgblur.pipeline.report import machine
    from bgblur.training.evaluate.evaluation import composited_clips
    from bgblur.training.peers import side
    from bgblur.training.peers.compare import SideProcess, compare, table, verdict
    from bgblur.training.peers.environment import find_environment, make_environment, peer_folder

    check_place(json_file)
    pairs = list(composited_clips(data / "video" / "composited", "report"))[:clips]
    if not pairs:
        raise UsageError(
            f"no clip with a matte in {data}/video/composited: name the data folder with --data"
        )
    folder = peer or peer_folder()
    theirs = find_environment(folder) or make_environment(folder, python, console.print)
    options = {"engine.model": model, "engine.input_height": input_height}
    commands = {
        "bgblur": [sys.executable, "-m", side.__name__, "bgblur", json.dumps(options)],
        "mediapipe": [str(theirs), str(side.__file__), "mediapipe", "{}"],
    }
    with ExitStack() as stack:
        sides = {
            name: stack.enter_context(closing(SideProcess(command)))
            for name, command in commands.items()
        }
        status = stack.enter_context(console.status(""))
        found = compare(sides, pairs, (None, (1280, 720)), frames, rounds, status.update)
    here = machine()
    typer.echo(f"{here['cpu']}, {here['cores']} cores; {len(pairs)} clips, {rounds} passes each\n")
    for name, one in sides.items():
        typer.echo(f"- {name}: {one.about}")
    typer.echo(f"\n{table(found)}\n")
    for line in verdict(found, "bgblur", "mediapipe"):
        typer.echo(line)
    if json_file is not None:
        about = {name: one.about for name, one in sides.items()}
        figures = {"machine": here, "sides": about, "sizes": found}
        json_file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    run(compare_peer)
