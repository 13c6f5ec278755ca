"""What the tray shows of the daemon: one icon and a few words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from bgblur.daemon.status import outputs_in_words
from bgblur.pipeline.state import State
from bgblur.pipeline.words import STATE_WORDS


class TrayState(StrEnum):
    """One icon each; the values name the files in ``svg``."""

    BLURRING = "blurring"
    OFF = "off"
    IDLE = "idle"
    PAUSED = "paused"
    PROBLEM = "problem"
    STOPPED = "stopped"


_WIDTH = 64  # characters; panels do not break a tooltip's lines

_ICONS = {
    State.STARTING: TrayState.BLURRING,  # until the first frame the room is hidden
    State.BLURRING: TrayState.BLURRING,
    State.OFF: TrayState.OFF,
    State.IDLE: TrayState.IDLE,
    State.PAUSED: TrayState.PAUSED,
    State.NO_CAMERA: TrayState.PROBLEM,
    State.NO_MASK: TrayState.PROBLEM,
}


@dataclass(frozen=True)
class Seen:
    """``words`` are the tooltip's first line, ``problem`` is the daemon's own line, ``network``
    what finds the person, ``outputs`` where the pictures go if there are several."""

    state: TrayState
    words: str
    problem: str | None = None
    network: str | None = None
    outputs: str | None = None

    @property
    def tooltip(self) -> str:
        lines = [f"bgblur: {self.words}", *textwrap.wrap(self.problem or "", _WIDTH)]
        lines += textwrap.wrap(self.outputs or "", _WIDTH)
        return "\n".join([*lines, self.network] if self.network else lines)


def report_for(reports: Iterable[dict[str, Any]], config: Path) -> dict[str, Any] | None:
    """The report of the daemon that follows the configuration ``config``, from the reports of
    ``status.running()``; None where it does not run."""
    here = str(config.resolve())
    return next((report for report in reports if report["config"] == here), None)


def seen(report: dict[str, Any] | None, *, starting: bool, config_problem: str | None) -> Seen:
    """``report`` is the daemon's, None while it has none; ``starting`` says that it has been
    started. ``config_problem`` is what the tray itself found wrong with the configuration."""
    if report is None:
        if starting:
            return Seen(_ICONS[State.STARTING], STATE_WORDS[State.STARTING])
        return Seen(TrayState.STOPPED, "Not running", config_problem)
    run = report["runs"][0]
    state = State(run["state"])
    problem = run["problem"] or config_problem
    icon = TrayState.PROBLEM if problem else _ICONS[state]
    named = run.get("network") if state is State.BLURRING else None  # older daemons give none
    network = f"{named}, {run['input_height']} lines" if named else None
    outputs = outputs_in_words(run)
    return Seen(icon, STATE_WORDS[state], problem, network, outputs and f"To {outputs}")
