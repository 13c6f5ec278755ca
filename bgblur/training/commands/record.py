"""scripts/record.py."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bgblur.config.settings import CameraSettings
from bgblur.errors import CameraError
from bgblur.interrupts import ended_by_signals
from bgblur.training.commands.shell import console, run

if TYPE_CHECKING:
    from bgblur.training.record.folder import RecordFolder
    from bgblur.training.record.record import Recorder

LABEL_HEIGHT = 288  # input height of the network: labels need quality, not speed


def record(
    folder: Annotated[Path, typer.Argument(help="Folder for images/ and masks/; may exist.")],
    device: Annotated[str, typer.Option(help="Camera index, name or path, a clip, or demo.")] = "0",
    interval: Annotated[float, typer.Option(min=0.05, help="Seconds between pictures.")] = 1.5,
    count: Annotated[int, typer.Option(min=1, help="Number of pictures.")] = 60,
    plate: Annotated[
        bool, typer.Option("--plate", help="Take the room without you first: better masks.")
    ] = False,
    countdown: Annotated[
        float, typer.Option(min=0, help="Seconds to get ready, or to step out.")
    ] = 5.0,
    model: Annotated[
        str, typer.Option(help="Model that labels the pictures; as [engine] model.")
    ] = "auto",
    width: Annotated[int, typer.Option(min=16, help="Of the camera's pictures.")] = 1280,
    height: Annotated[int, typer.Option(min=16, help="Of the camera's pictures.")] = 720,
    yes: Annotated[
        bool, typer.Option("--yes", help="Accept every mask without a review, without the page.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the page; 0: any free port.")] = 0,
) -> None:
    """Take pictures of yourself for scripts/train.py --init auto --data FOLDER.

    A page on this machine guides you and shows each mask to accept, edit or reject.
    """
    from bgblur.pipeline.build import open_source
    from bgblur.training.evaluate.engines import engine_for
    from bgblur.training.evaluate.predictors import still_predictor
    from bgblur.training.record.folder import RecordFolder
    from bgblur.training.record.page import RecordPage
    from bgblur.training.record.record import Recorder, RecordPlan

    kept = RecordFolder(folder)
    with console.status("loading the model"):
        label = still_predictor(engine_for(model, input_height=LABEL_HEIGHT))
    source = open_source(CameraSettings(device=device, width=width, height=height))
    try:
        plan = RecordPlan(count, interval, plate, countdown)
        if yes:
            _unseen(Recorder(source, label, kept, plan, tell=console.print), kept)
        else:
            page = RecordPage(source, label, kept, plan, port)
            console.print(
                f"Open {page.url}\nand follow it. To end, press Finish there or Ctrl-C here."
            )
            with ended_by_signals():
                page.run()
    except KeyboardInterrupt:
        console.print("ended; the pictures taken so far are kept")
    finally:
        source.close()
        kept.tidy()
    left = len(kept.waiting())
    waiting = f", {left} need a review: run this again" if left else ""
    console.print(f"{kept.accepted} pictures in {folder}{waiting}")
    console.print(f"next: scripts/train.py --init {model} --data {folder} --export my-model.ts")


def _unseen(recorder: Recorder, folder: RecordFolder) -> None:
    """Take and accept all pictures. Raises CameraError if the camera fails."""
    recorder.resume()
    with ended_by_signals():
        recorder.run()
    for shot in folder.waiting():
        folder.accept(shot)
    if recorder.problem is not None:
        raise CameraError(recorder.problem)


def main() -> None:
    run(record)
