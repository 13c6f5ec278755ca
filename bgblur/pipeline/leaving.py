"""Outputs that are no longer fed, until they are closed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from bgblur.pipeline.output import Output
from bgblur.pipeline.output_thread import OutputThread


class Leaving:
    """``unfinished`` may be called from any thread, the rest by the one that feeds the outputs."""

    def __init__(self) -> None:
        self._left: list[OutputThread] = []  # replaced, never changed

    @property
    def unfinished(self) -> list[Output]:
        """What is not closed yet."""
        return [left.output for left in self._left if left.is_alive]

    def add(self, thread: OutputThread) -> None:
        """Close the output that ``thread`` has fed."""
        thread.output.keeper.left_out()
        thread.end(None)
        self._left = [*self._left, thread]

    def forget(self) -> None:
        """Drop the failures that have been said."""
        for left in self._left:
            if not left.is_alive:
                left.output.keeper.works()
        self._left = [left for left in self._left if left.is_alive]

    def say(self) -> None:
        """Have the problems say which recordings take long, and no longer those that are done."""
        for left in self._left:
            keeper = left.output.keeper
            if not left.is_alive:
                if keeper.broken_off is None:
                    keeper.works()
                    self._left = [other for other in self._left if other is not left]
            elif keeper.records and left.blocked:
                keeper.say(
                    f"{keeper.device} is left out, but not completed yet: its disk is slow or "
                    "does not respond"
                )

    def before(self, output: Output) -> list[OutputThread]:
        """What must be closed before ``output`` is opened, since it may have the same device."""
        return [
            left
            for left in self._left
            if not left.output.keeper.records
            and may_be_one(left.output.keeper.device, output.keeper.device)
        ]

    def wait(self) -> None:
        for left in self._left:
            left.wait()


def may_be_one(first: str, second: str) -> bool:
    """Whether two outputs may have one device, by the names that the user gave them."""
    kinds = {_kind(first), _kind(second)}
    if kinds == {"device"}:
        return os.path.realpath(first) == os.path.realpath(second)
    return first == second or ("auto" in kinds and not kinds & {"web", "file"})


def _kind(name: str) -> Literal["auto", "web", "pipewire", "file", "device"]:
    match name:
        case "auto" | "web" | "pipewire":
            return name
    return "file" if Path(name).suffix and not name.startswith("/dev/") else "device"
