"""``bgblur-cam devices``, ``status`` and ``bench``: what there is, what runs, how fast."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.table import Table

from bgblur.commands.options import ConfigOption, DebugOption, JsonOption, effective, out, say
from bgblur.errors import UsageError


def devices(as_json: JsonOption = False) -> None:
    """List cameras and virtual cameras."""
    from bgblur.devices import list_devices

    found = list_devices()
    if as_json:
        print(json.dumps({"devices": [device.as_dict() for device in found]}))
        return
    if not found:
        say("no camera and no virtual camera found: try --device demo --output web")
        return
    table = Table("device", "name", "kind", "formats", box=None)
    for entry in found:
        formats = entry.problem or ", ".join(entry.formats[:4])
        more = f" (+{len(entry.formats) - 4})" if len(entry.formats) > 4 else ""
        table.add_row(entry.path, entry.name, entry.kind, formats + more)
    out.print(table)


def status(as_json: JsonOption = False) -> None:
    """Show what the running daemon does."""
    from bgblur.status import running

    reports = running()
    if as_json:
        runs = [run for report in reports for run in report["runs"]]
        print(json.dumps({"machine": reports[0]["machine"] if reports else {}, "runs": runs}))
        return
    if not reports:
        raise UsageError("no bgblur-cam is running: start one with `bgblur-cam`")
    for report in reports:
        for run in report["runs"]:
            say(
                f"{run['source']} -> {run['output']}: {run['state']}, strength {run['strength']}, "
                f"{run['fps']:.0f} fps, latency {run['latency_ms']['p50']:.0f} ms, "
                f"{run['cpu_cores']} cores, {run['rss_mb']:.0f} MB"
            )
            if run["problem"]:
                say(run["problem"])


def bench(
    source: Annotated[str, typer.Option(help="demo or a clip.")] = "demo",
    size: Annotated[list[str] | None, typer.Option(help="WIDTHxHEIGHT, may be repeated.")] = None,
    seconds: Annotated[float, typer.Option(help="Measured a run.")] = 10.0,
    fps: Annotated[float, typer.Option(help="Offered by the demo source.")] = 30.0,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Measure speed, latency and memory of the whole pipeline on this machine."""
    from bgblur.bench import bench as run_bench

    settings = effective(config, {"camera.device": source, "camera.fps": fps})
    report = run_bench(settings, [_size(text) for text in size or ["1280x720"]], seconds)
    if as_json:
        print(json.dumps(report))
        return
    out.print(f"{report['machine']['cpu']}, {report['machine']['cores']} cores", markup=False)
    table = Table("size", "device", "fps", "latency p50/p95 ms", "cores", "MB", "start s", box=None)
    for run in report["runs"]:
        latency = run["latency_ms"]
        table.add_row(
            f"{run['width']}x{run['height']}",
            f"{run['device']} {run['precision']} at {run['input_height']}",
            f"{run['fps']:.1f}",
            f"{latency['p50']:.0f}/{latency['p95']:.0f}",
            f"{run['cpu_cores']:.2f}",
            f"{run['rss_mb']:.0f}",
            f"{run['startup_s']:.1f}",
        )
    out.print(table)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise UsageError(f'--size is "{text}": write it as WIDTHxHEIGHT, like 1280x720')
    return int(width), int(height)
