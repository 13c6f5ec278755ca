"""``bgblur-cam bench``: how fast it is here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from bgblur.commands.options import ConfigOption, JsonOption, effective, err, out
from bgblur.errors import UsageError


def bench(
    source: Annotated[str, typer.Option(help="demo or a clip.")] = "demo",
    size: Annotated[
        list[str] | None,
        typer.Option(help="WIDTHxHEIGHT, may be repeated; 640x360, 1280x720 and 1920x1080."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.5, help="Measured a run.")] = 6.0,
    repeat: Annotated[int, typer.Option(min=1, help="Runs a size, one after the other.")] = 3,
    fps: Annotated[float, typer.Option(help="Offered by the demo source.")] = 30.0,
    input_height: Annotated[
        str | None, typer.Option(help="Of the network's input; auto follows the machine.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the figures into this PNG.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure speed, latency and memory of the whole pipeline on this machine.

    A figure is the median over parts of all runs; beside it stand the least and the most.
    """
    from bgblur.bench.run import SIZES
    from bgblur.bench.run import bench as run_bench

    sizes = [_size(text) for text in size] if size else SIZES
    if plot is not None:
        from bgblur.bench.plot import check_plot

        check_plot(plot)  # before minutes are spent
    options = {"camera.device": source, "camera.fps": fps, "engine.input_height": input_height}
    settings = effective(config, options)
    with err.status("") as status:
        report = run_bench(settings, sizes, seconds, repeat, status.update)
    if plot is not None:
        from bgblur.bench.plot import draw

        draw(report, plot)
    if as_json:
        print(json.dumps(report))
        return
    machine, runs = report["machine"], report["runs"]
    out.print(
        f"{machine['cpu']}, {machine['cores']} cores, {machine['gpu'] or 'no GPU'}", markup=False
    )
    for table in (_whole(runs), _stages(runs)):
        out.print()
        out.print(table)
    out.print("\nmilliseconds of stages: p50/p95; capture waits for the next frame", markup=False)
    for line in dict.fromkeys(limit_line(run) for run in runs if run["limit"]):
        out.print(line, markup=False)


def _whole(runs: list[dict[str, Any]]) -> Table:
    """One column a run; after each figure its spread."""
    table = _table("", runs)
    table.add_row("network", *(_network(run) for run in runs))
    rows = {
        "frames a second": ("fps", ".1f"),
        "latency p50 ms": ("latency_ms.p50", ".0f"),
        "latency p95 ms": ("latency_ms.p95", ".0f"),
        "CPU cores": ("cpu_cores", ".2f"),
        "CPU ms a frame": ("cpu_ms", ".0f"),
        "memory MB": ("rss_mb", ".0f"),
        "GPU memory MB": ("gpu_mb", ".0f"),
        "first frame s": ("startup_s", ".1f"),
    }
    for title, (key, form) in rows.items():
        if key == "gpu_mb" and not any(run[key] for run in runs):
            continue
        table.add_row(title, *(_figure(run, key, form) for run in runs))
    alone = ("{p50:.1f}/{p95:.1f}".format(**run["frame_ms"]) for run in runs)
    table.add_row("a frame alone ms p50/p95", *alone)
    return table


def _stages(runs: list[dict[str, Any]]) -> Table:
    from bgblur.bench.plot import stages_of

    table = _table("stage", runs)
    for stage in stages_of(runs):
        found = (run["stages_ms"].get(stage) for run in runs)
        table.add_row(stage, *(f"{t['p50']:.1f}/{t['p95']:.1f}" if t else "" for t in found))
    return table


def _table(title: str, runs: list[dict[str, Any]]) -> Table:
    return Table(title, *(f"{run['width']}x{run['height']}" for run in runs), box=None)


def _network(run: dict[str, Any]) -> str:
    low, high = run["spread"]["input_height"]
    heights = f"{low:g}" if low == high else f"{low:g}..{high:g}"
    return f"{run['device']} {run['precision']} at {heights}"


def _figure(run: dict[str, Any], key: str, form: str) -> str:
    """The value under a dotted key, and its least and most in brackets."""
    value, ends = run, run["spread"]
    for name in key.split("."):
        value, ends = value[name], ends[name]
    return f"{value:{form}} ({ends[0]:{form}}..{ends[1]:{form}})"


def limit_line(run: dict[str, Any]) -> str:
    """The network's roofline beside what was measured."""
    limit = run["limit"]
    line = (
        f"the limit: a network of {limit['gflop']:.2f} GFLOP and {limit['mb']:.0f} MB "
        f"(input height {limit['input_height']}) takes {_ms(limit['ms'])} at best, set by its "
        f"{limit['bound']}, where {run['device']} does {limit['gflop_per_s']:.0f} GFLOP/s "
        f"and {limit['gb_per_s']:.0f} GB/s"
    )
    inference = run["stages_ms"].get("inference")
    if inference is None or limit["input_height"] != run["input_height"]:
        return line  # what was measured was another network
    return f"{line}; measured: {_ms(inference['p50'])}"


def _ms(value: float) -> str:
    return f"{value:.0f} ms" if value >= 10 else f"{value:.2g} ms"


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise UsageError(f'--size is "{text}": write it as WIDTHxHEIGHT, like 1280x720')
    return int(width), int(height)
