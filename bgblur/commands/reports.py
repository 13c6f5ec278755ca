"""``bgblur-cam devices`` and ``status``: what there is, and what runs."""

from __future__ import annotations

import json

from bgblur.commands.options import JsonOption, out, say
from bgblur.devices.v4l2 import Format, Size
from bgblur.errors import UsageError


def devices(as_json: JsonOption = False) -> None:
    """List cameras and virtual cameras."""
    from bgblur.devices.listing import list_devices

    found = list_devices()
    if as_json:
        print(json.dumps({"devices": [device.as_dict() for device in found]}))
        return
    if not found:
        say("no camera and no virtual camera found: try --device demo --output web")
    for entry in found:
        out.print(f"{entry.path}  {entry.name}  ({entry.kind})", style="bold", markup=False)
        if entry.problem:
            out.print(f"    {entry.problem}", markup=False)
        for line in format_lines(entry.formats):
            out.print(f"    {line}", markup=False)


def status(as_json: JsonOption = False) -> None:
    """Show what the running daemon does."""
    from bgblur.daemon.status import running

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


def format_lines(formats: list[Format]) -> list[str]:
    """Each format with its sizes below it; those with the same sizes together."""
    by_sizes: dict[tuple[str, ...], list[Format]] = {}
    for shape in formats:
        by_sizes.setdefault(tuple(_size_lines(shape)), []).append(shape)
    lines = []
    for sizes, shapes in by_sizes.items():
        described = shapes[0].description if len(shapes) == 1 else ""
        lines.append(f"{', '.join(shape.fourcc for shape in shapes)} {described}".strip())
        lines += [f"    {size}" for size in sizes]
    return lines


def _size_lines(shape: Format) -> list[str]:
    """Its sizes, those of the same rates in one line, the largest first."""
    by_rates: dict[str, list[Size]] = {}
    for size in sorted(shape.sizes, key=lambda size: size.width * size.height, reverse=True):
        by_rates.setdefault(_rates(size), []).append(size)
    return [f"{', '.join(map(_pixels, sizes))}{rates}" for rates, sizes in by_rates.items()]


def _rates(size: Size) -> str:
    if not size.rates:
        return ""
    separator = " to " if size.any_rate else ", "
    return f" at {separator.join(f'{rate:g}' for rate in size.rates)} fps"


def _pixels(size: Size) -> str:
    largest = f"{size.width}x{size.height}"
    if size.steps is None:
        return largest
    steps = size.steps
    by = (steps.step_width, steps.step_height)
    in_steps = "" if by == (1, 1) else f" in steps of {by[0]}x{by[1]}"
    return f"{steps.min_width}x{steps.min_height} to {largest}{in_steps}"
