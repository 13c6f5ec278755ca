"""``bgblur-cam service ...``: let systemd start the daemon at login and restart it."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from typing import Annotated

import typer

from bgblur.commands.options import JsonOption, out, say
from bgblur.errors import UsageError

service_app = typer.Typer(help="Start at login, as a systemd user service.", no_args_is_help=True)


@service_app.command()
def install(
    options: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- OPTION", help="Options of the daemon."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print the systemd unit.")
    ] = False,
    no_start: Annotated[
        bool, typer.Option("--no-start", help="Do not start it before the next login.")
    ] = False,
) -> None:
    """Install the service, or replace its options."""
    from bgblur.service import service
    from bgblur.service.command_line import command_line
    from bgblur.service.unit import unit_text

    command = command_line(options or [])
    version = None
    try:
        version = service.manager_version()
    except UsageError:
        if not dry_run:
            raise
    text = unit_text(command, version, shutil.which("nvidia-modprobe"))
    if dry_run:
        print(text, end="")
        return
    service.install(text, say, start=not no_start)


@service_app.command()
def uninstall() -> None:
    """Stop the service and remove it."""
    from bgblur.service import service

    service.manager_version()
    service.uninstall(say)


@service_app.command()
def status(as_json: JsonOption = False) -> None:
    """Show whether the service is installed, and its state."""
    from bgblur.service import service

    service.manager_version()
    now = service.status()
    if as_json:
        print(json.dumps(asdict(now)))
        return
    if not now.installed:
        say("not installed: run `bgblur-cam service install`")
        return
    for line in service.describe(now):
        out.print(line, markup=False)
