"""``bgblur-cam devices`` and ``status``."""

from __future__ import annotations

import json

from bgblur.commands.options import JsonOption, out, say
from bgblur.errors import UsageError


def devices(as_json: JsonOption = False) -> None:
    """List cameras and virtual cameras."""
    from bgblur.devices.formats import format_lines
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
