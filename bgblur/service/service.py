"""Installs, queries and removes bgblur's systemd user service."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from platformdirs import user_config_path

from bgblur.errors import BgblurError, UsageError
from bgblur.files import write_atomically
from bgblur.service.unit import MARK, UNIT

LOG = "journalctl --user -u bgblur"

Say = Callable[[str], None]


def unit_path() -> Path:
    return user_config_path("systemd", appauthor=False) / "user" / UNIT


def manager_version() -> int:
    """Version of the systemd that manages this user's services.

    Raises UsageError if there is no such systemd, as in a container or outside Linux.
    """
    if shutil.which("systemctl") is None:
        raise UsageError(
            "there is no systemd on this system: let your desktop start `bgblur-cam` at login"
        )
    answer = _systemctl("show", "--property=Version", "--value")
    found = re.search(r"\d+", answer.stdout)
    if answer.returncode != 0 or found is None:
        why = _reason(answer) or "no answer"
        raise UsageError(
            f"systemd does not manage your user's services here ({why}): "
            "run this in your own session, without sudo"
        )
    return int(found[0])


def install(text: str, say: Say, *, start: bool = True) -> None:
    """Write the unit and enable it at login; with ``start``, also start or restart it now.

    Raises UsageError if a unit that bgblur did not write is in the way, or systemd refuses this
    one; BgblurError if the unit is installed but does not start.
    """
    path = _own_unit()
    try:
        write_atomically(path, text)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
    say(f"wrote {path}")
    _run("daemon-reload")
    _run("enable", UNIT)
    say("enabled: it starts with every login")
    if start:
        say("starting; waiting for the first picture ...")
        started = _systemctl("restart", UNIT)
        now = status()
        if started.returncode != 0:
            again = "systemd will retry; " if now.state == "activating" else ""
            raise BgblurError(
                f"{UNIT} is installed, but did not start: {now.says or _reason(started)}; "
                f"{again}see {LOG}"
            )
        say(f"{now.state}: {now.says or now.detail}")
    say(f"its messages: {LOG}")


def uninstall(say: Say) -> None:
    """Stop the service and remove what ``install`` wrote. Raises UsageError."""
    path = _own_unit()
    if not path.exists():
        say(f"nothing to remove: there is no {path}")
        return
    _run("disable", "--now", UNIT)
    path.unlink()
    say(f"stopped, disabled, and removed {path}")
    _run("daemon-reload")
    _systemctl("reset-failed", UNIT)  # fails if there is no failure to reset


@dataclass(frozen=True)
class ServiceStatus:
    """``state``, ``detail`` and ``result`` are systemd's ActiveState, SubState and Result;
    ``says`` is the daemon's own status text; ``since`` is when ``state`` last changed, ISO 8601."""

    installed: bool
    enabled: bool
    state: str
    detail: str
    result: str
    since: str | None
    says: str | None
    pid: int | None
    restarts: int
    unit: str | None
    log: str = LOG


def describe(status: ServiceStatus) -> list[str]:
    """The lines of ``bgblur-cam service status`` for a service that is installed."""
    moment = datetime.fromisoformat(status.since).astimezone() if status.since else None
    since = f" since {moment:%Y-%m-%d %H:%M:%S}" if moment else ""
    failed = f" ({status.result})" if status.result not in {"", "success"} else ""
    lines = [f"{status.state} ({status.detail}){since}{failed}"]
    if status.says:
        lines.append(status.says)
    lines.append("starts at login" if status.enabled else "does not start at login")
    if status.restarts:
        lines.append(f"restarted {status.restarts} times")
    return [*lines, f"unit: {status.unit}", f"messages: {status.log}"]


def status() -> ServiceStatus:
    """Systemd's report of the service. Raises UsageError."""
    wanted = (
        "LoadState,UnitFileState,ActiveState,SubState,Result,StateChangeTimestamp,StatusText,"
        "MainPID,NRestarts,FragmentPath"
    )
    values = dict(
        line.split("=", 1)
        for line in _run("show", UNIT, f"--property={wanted}").splitlines()
        if "=" in line
    )
    return ServiceStatus(
        installed=values["LoadState"] != "not-found",
        enabled=values["UnitFileState"].startswith("enabled"),
        state=values["ActiveState"],
        detail=values["SubState"],
        result=values.get("Result", ""),
        since=_moment(values.get("StateChangeTimestamp", "")),
        says=values.get("StatusText") or None,
        pid=int(values.get("MainPID", "0")) or None,
        restarts=int(values.get("NRestarts", "0")),
        unit=values.get("FragmentPath") or None,
    )


def _own_unit() -> Path:
    """Path of the unit. Raises UsageError if a unit is there that bgblur did not write."""
    path = unit_path()
    if path.is_symlink() or (
        path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(MARK)
    ):
        raise UsageError(f"{path} was not written by bgblur-cam: move it away, then try again")
    return path


def _run(*arguments: str) -> str:
    """Run systemctl and return its output. Raises UsageError if it fails."""
    done = _systemctl(*arguments)
    if done.returncode != 0:
        raise UsageError(f"`systemctl --user {' '.join(arguments)}` failed: {_reason(done)}")
    return done.stdout


def _systemctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemctl", "--user", "--no-pager", "--quiet", *arguments],
        env={**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        capture_output=True,
        text=True,
        check=False,
    )


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.strip().splitlines()
    return lines[0].rstrip(".") if lines else ""


def _moment(text: str) -> str | None:
    """Convert "Mon 2026-11-23 14:57:38 UTC" to ISO 8601."""
    found = re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", text)
    return datetime.fromisoformat(found[0]).replace(tzinfo=UTC).isoformat() if found else None
