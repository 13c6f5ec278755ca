"""``bgblur-cam devices`` and ``status``."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from bgblur.commands.options import JsonOption, out, say
from bgblur.errors import UsageError


def devices(
    controls: Annotated[
        bool, typer.Option("--controls", help="List what [camera.controls] can set, too.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List cameras, virtual cameras, and what the network can run on."""
    from bgblur.devices.controls import control_lines, controls_of
    from bgblur.devices.formats import format_lines
    from bgblur.devices.listing import list_devices
    from bgblur.segmentation.runtime import engine_devices

    found, engines = list_devices(), engine_devices()
    offered = {device.path: controls_of(device.path) for device in found} if controls else {}
    if as_json:
        cameras = [
            device.as_dict()
            | ({"controls": [asdict(each) for each in offered[device.path]]} if controls else {})
            for device in found
        ]
        print(json.dumps({"devices": cameras, "engine_devices": engines}))
        return
    if not found:
        say("no camera and no virtual camera found: try --device demo --output web")
    for entry in found:
        out.print(f"{entry.path}  {entry.name}  ({entry.kind})", style="bold", markup=False)
        if entry.problem:
            out.print(f"    {entry.problem}", markup=False)
        for line in format_lines(entry.formats) + control_lines(offered.get(entry.path, [])):
            out.print(f"    {line}", markup=False)
    for name, product in engines.items():
        out.print(f"{name}  {product}  (engine.device)", style="bold", markup=False)


def status(as_json: JsonOption = False) -> None:
    """Show the state of the running daemon."""
    from bgblur.daemon.status import running, status_lines

    reports = running()
    if as_json:
        runs = [run for report in reports for run in report["runs"]]
        print(json.dumps({"machine": reports[0]["machine"] if reports else {}, "runs": runs}))
        return
    if not reports:
        raise UsageError("no bgblur-cam is running: start one with `bgblur-cam`")
    for report in reports:
        for line in status_lines(report):
            say(line)
