"""``bgblur-cam bench``: speed, latency and memory on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bgblur.commands.options import ConfigOption, JsonOption, OverwriteOption, err, out


def bench(
    source: Annotated[str, typer.Option(help="demo or a clip.")] = "demo",
    size: Annotated[
        list[str] | None,
        typer.Option(help="WIDTHxHEIGHT, repeatable; default 640x360, 1280x720, 1920x1080."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.5, help="Length of a run.")] = 6.0,
    repeat: Annotated[int, typer.Option(min=1, help="Runs per size.")] = 3,
    fps: Annotated[float, typer.Option(help="Frame rate of the demo source.")] = 30.0,
    input_height: Annotated[
        str | None, typer.Option(help="Height of the network's input; auto adapts to the machine.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Plot the results into this PNG.")] = None,
    overwrite: OverwriteOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure speed, latency and memory of the whole pipeline on this machine.

    Each figure is the median over parts of all runs, followed by the minimum and the maximum.
    """
    from bgblur.bench.run import SIZES, size_of
    from bgblur.bench.run import bench as run_bench
    from bgblur.config.overrides import effective

    sizes = [size_of(text) for text in size] if size else SIZES
    if plot is not None:
        from bgblur.bench.plot import check_plot

        check_plot(plot, overwrite)  # before minutes are spent
    options = {"camera.device": source, "camera.fps": fps, "engine.input_height": input_height}
    settings = effective(config, options)
    with err.status("") as status:
        report = run_bench(settings, sizes, seconds, repeat, status.update)
    if plot is not None:
        from bgblur.bench.plot import draw

        draw(report, plot, overwrite)
    if as_json:
        print(json.dumps(report))
        return
    from bgblur.bench.tables import print_report

    print_report(report, out)
