"""``bgblur-cam doctor`` and ``setup``: check this machine, prepare it."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from bgblur.commands.options import ConfigOption, JsonOption, out, say
from bgblur.errors import UsageError

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    config: ConfigOption = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Skip the model and the speed test.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check cameras, virtual camera, permissions, processor and model; say how to fix faults."""
    from bgblur.config.file import default_path
    from bgblur.machine.checks import exit_code
    from bgblur.machine.doctor import examine

    checks = []
    for check in examine(config or default_path(), quick):
        checks.append(check)
        if not as_json:
            out.print(f"{check.status:<5}", style=_COLOURS[check.status], end="")
            out.print(f"{check.title:<17} {check.detail}", markup=False)
            if check.fix:
                out.print(f"{'':<23}fix: {check.fix}", markup=False)
    if as_json:
        print(json.dumps({"checks": [check.as_dict() for check in checks]}))
    raise typer.Exit(exit_code(checks))


def setup(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the steps.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Remove what setup installed.")] = False,
    video_nr: Annotated[
        int | None, typer.Option(min=0, max=255, help="N of the virtual camera /dev/videoN.")
    ] = None,
) -> None:
    """Load v4l2loopback with the options browsers need, now and at every boot."""
    from bgblur.sinks.virtual_camera import HOW_TO_GET_ONE

    if not sys.platform.startswith("linux"):
        raise UsageError(f"setup is for Linux; here: {HOW_TO_GET_ONE.get(sys.platform, 'README')}")
    from bgblur.machine import setup as steps
    from bgblur.machine.system import System, run_command

    system = System()
    plan = steps.plan_undo(system) if undo else steps.plan_setup(system, video_nr)
    elevate = steps.elevation() if plan.steps and not dry_run else []
    for line in steps.describe(plan, elevate):
        out.print(line, markup=False)
    if not plan.steps:
        say("nothing to do")
    elif dry_run:
        say("nothing was changed: this was a dry run")
    elif yes or typer.confirm("Do this?", default=True, err=True):
        steps.carry_out(plan, system, run_command, elevate)
        say("done" if undo else steps.ready(system))
    else:
        say("nothing was changed")
