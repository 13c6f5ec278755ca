"""What the tray tells of the daemon, in one picture and a few words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class TrayState(StrEnum):
    """One a picture; the values name the files in ``svg``."""

    BLURRING = "blurring"
    OFF = "off"
    IDLE = "idle"
    PAUSED = "paused"
    PROBLEM = "problem"
    STOPPED = "stopped"


_WIDTH = 64  # characters; panels do not break a tooltip's lines

# By the "state" of the daemon's status. Until the first frame nothing of the room is shown.
_STATES = {
    "starting": (TrayState.BLURRING, "Starting"),
    "blurring": (TrayState.BLURRING, "Your background is hidden"),
    "off": (TrayState.OFF, "Off: others see your room"),
    "idle": (TrayState.IDLE, "Camera off: nobody is watching"),
    "paused": (TrayState.PAUSED, "Paused: others see a card, the camera is off"),
    "no camera": (TrayState.PROBLEM, "No camera"),
    "no mask": (TrayState.PROBLEM, "You cannot be made out: the whole picture is hidden"),
}


@dataclass(frozen=True)
class Seen:
    """``words`` for a tooltip's first line, ``problem`` in one line of the daemon's own."""

    state: TrayState
    words: str
    problem: str | None = None

    @property
    def tooltip(self) -> str:
        return "\n".join([f"bgblur: {self.words}", *textwrap.wrap(self.problem or "", _WIDTH)])


def report_for(reports: Iterable[dict[str, Any]], config: Path) -> dict[str, Any] | None:
    """Of ``status.running()``, the daemon that follows the configuration ``config``."""
    here = str(config.resolve())
    return next((report for report in reports if report["config"] == here), None)


def seen(report: dict[str, Any] | None, *, starting: bool, config_problem: str | None) -> Seen:
    """``starting`` says that a daemon without a report yet is on its way."""
    if report is None:
        if starting:
            return Seen(*_STATES["starting"])
        return Seen(TrayState.STOPPED, "Not running", config_problem)
    run = report["runs"][0]
    state, words = _STATES[run["state"]]
    problem = run["problem"] or config_problem
    return Seen(TrayState.PROBLEM if problem else state, words, problem)
