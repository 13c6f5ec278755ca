"""``bgblur-cam devices`` and ``status``."""

from __future__ import annotations

import json

from bgblur.commands.options import JsonOption, out, say
from bgblur.errors import UsageError


def devices(as_json: JsonOption = False) -> None:
    """List cameras, virtual cameras, and what the network can run on."""
    from bgblur.devices.formats import format_lines
    from bgblur.devices.listing import list_devices
    from bgblur.segmentation.runtime import engine_devices

    found, engines = list_devices(), engine_devices()
    if as_json:
        cameras = [device.as_dict() for device in found]
        print(json.dumps({"devices": cameras, "engine_devices": engines}))
        return
    if not found:
        say("no camera and no virtual camera found: try --device demo --output web")
    for entry in found:
        out.print(f"{entry.path}  {entry.name}  ({entry.kind})", style="bold", markup=False)
        if entry.problem:
            out.print(f"    {entry.problem}", markup=False)
        for line in format_lines(entry.formats):
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
