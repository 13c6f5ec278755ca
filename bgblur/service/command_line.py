"""The command line that the service runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bgblur.addresses import shown
from bgblur.errors import UsageError


def command_line(options: Sequence[str]) -> list[str]:
    """This installation's ``bgblur-cam`` with ``options``; files among them get absolute paths.

    Raises UsageError for options that the daemon refuses: it would fail at every login. Refuses
    also a camera's address, which may hold a password: systemd shows it to everybody.
    """
    for option in options:
        address = option.removeprefix("--device=")
        if shown(address) != address:
            raise UsageError(
                f"{shown(address)} would be shown by systemctl, with its path or password: use "
                "`bgblur-cam config set camera.device ADDRESS`, and leave out --device"
            )
    return _checked(_program(), list(map(_absolute, options)))


def _program() -> list[str]:
    """What runs this installation, by absolute path."""
    called = shutil.which(sys.argv[0])
    if called is None or called.endswith(".py"):  # python -m bgblur
        return [sys.executable, "-m", "bgblur"]
    return [str(Path(called).absolute())]  # not resolved: pipx keeps its link through upgrades


def _absolute(option: str) -> str:
    """A file's name becomes an absolute path: the service starts in another folder."""
    name, equals, value = option.rpartition("=")
    path = Path(value)
    return f"{name}{equals}{path.absolute()}" if path.is_file() else option


def _checked(daemon: list[str], options: list[str]) -> list[str]:
    # --version first: at the end, an option without its value would take it for the value, and a
    # daemon would run. Then at the end, where it finds a command's name among the options.
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
