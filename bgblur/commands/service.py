"""``bgblur-cam service ...``: have systemd start the daemon at login and look after it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from bgblur.commands.options import JsonOption, out, say
from bgblur.errors import UsageError

service_app = typer.Typer(help="Start at login, as a systemd user service.", no_args_is_help=True)


@service_app.command()
def install(
    options: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- OPTION", help="What the daemon is started with."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the unit.")] = False,
    no_start: Annotated[bool, typer.Option("--no-start", help="Not before next login.")] = False,
) -> None:
    """Install the service, or install it anew with other options."""
    from bgblur.service import service
    from bgblur.service.unit import unit_text

    command = _checked(_daemon(), list(map(_absolute, options or [])))
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
    """Show whether the service is installed and how it does."""
    from bgblur.service import service

    service.manager_version()
    now = service.status()
    if as_json:
        print(json.dumps(asdict(now)))
        return
    if not now.installed:
        say("not installed: `bgblur-cam service install` does that")
        return
    moment = datetime.fromisoformat(now.since).astimezone() if now.since else None
    since = f" since {moment:%Y-%m-%d %H:%M:%S}" if moment else ""
    failed = f" ({now.result})" if now.result not in {"", "success"} else ""
    out.print(f"{now.state} ({now.detail}){since}{failed}", markup=False)
    if now.says:
        out.print(now.says, markup=False)
    out.print("starts at login" if now.enabled else "does not start at login", markup=False)
    if now.restarts:
        out.print(f"restarted {now.restarts} times", markup=False)
    out.print(f"unit: {now.unit}", markup=False)
    out.print(f"messages: {now.log}", markup=False)


def _daemon() -> list[str]:
    """The command line, by absolute path, that runs this same installation."""
    called = shutil.which(sys.argv[0])
    if called is None or called.endswith(".py"):  # python -m bgblur
        return [sys.executable, "-m", "bgblur"]
    return [str(Path(called).absolute())]  # not resolved: pipx keeps its link through upgrades


def _absolute(option: str) -> str:
    """A file named from here is named from anywhere: the service starts elsewhere."""
    name, equals, value = option.rpartition("=")
    path = Path(value)
    return f"{name}{equals}{path.absolute()}" if path.is_file() else option


def _checked(daemon: list[str], options: list[str]) -> list[str]:
    """The whole command line. Raises UsageError for options that the daemon does not know, which
    else would fail at every login."""
    # Before them, or an option without its value would take it for that, and a daemon would run;
    # then after them, or a command's name among them would not be seen.
    tried = _tried([*daemon, "--version", *options])
    if tried.returncode == 0:
        tried = _tried([*daemon, *options, "--version"])
    if tried.returncode != 0:
        lines = tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"]
        reason = lines[-1].removeprefix("bgblur-cam: ")
        raise UsageError(f"`bgblur-cam {' '.join(options)}` cannot be a service: {reason}")
    return [*daemon, *options]


def _tried(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=Path.home(), capture_output=True, text=True, check=False)
