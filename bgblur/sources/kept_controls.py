"""Keeps a camera's controls as the configuration wants them, and gives them back as they were."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bgblur.devices.controls import Control, ControlDevice, V4l2Controls, Wanted, plan


@dataclass
class _Changed:
    control: Control
    before: int
    now: int  # as the driver took it, which may round


class KeptControls:
    """What the user wants, for the camera that is open. ``wanted`` may be replaced at any time, by
    any thread; the rest belongs to the thread that reads the camera, since a driver may hang.

    A camera loses its settings when it is unplugged, so they are set at each opening. What a
    program of the user's own has changed meanwhile stays at the end.
    """

    def __init__(
        self,
        wanted: Mapping[str, Wanted],
        device: Callable[[str], ControlDevice] = V4l2Controls,
    ) -> None:
        self.wanted = dict(wanted)
        self._open_device = device
        self._device: ControlDevice | None = None
        self._without: str | None = None  # the name of a source that has no controls
        self._tried: dict[str, Wanted] = {}
        self._changed: dict[int, _Changed] = {}
        self._problems: list[str] = []

    @property
    def problem(self) -> str | None:
        """A line for each wish that cannot be met, joined; None if there is none."""
        if not self.wanted:
            return None
        if self._without is not None:
            return f"camera.controls has no effect: {self._without} has no controls"
        return "; ".join(self._problems) or None

    def opened(self, node: str) -> ControlDevice:
        """A camera has been opened, and gives pictures: some set their controls themselves at the
        first. Returns what ``update`` and ``closed`` are to be called with: the source of a hung
        driver may be closed after the next has been opened."""
        self.closed(self._device)
        self._without, self._tried, self._problems = None, {}, []
        self._device = device = self._open_device(node)
        self.update(device)
        return device

    def without(self, name: str) -> None:
        """A source of this name has been opened, which has no controls."""
        self.closed(self._device)
        self._without = name

    def update(self, device: ControlDevice) -> None:
        """Set what is wanted now, if it has changed; call it often."""
        wanted = self.wanted
        if device is not self._device or wanted == self._tried:
            return
        self._tried = wanted
        try:
            self._set(device, wanted)
        except OSError as error:
            self._problems = [f"camera.controls cannot be set: {error.strerror}"]

    def closed(self, device: ControlDevice | None) -> None:
        """The camera is about to be closed: give it back as it was. Safe to call twice."""
        if device is not None and device is self._device:
            self._device = None
            self._restore(device, set(self._changed))
            self._changed = {}

    def _set(self, device: ControlDevice, wanted: Mapping[str, Wanted]) -> None:
        values, problems = plan(wanted, device.offered())
        self._restore(device, self._changed.keys() - {control.id for control, _ in values})
        for control, value in values:
            try:
                before = self._changed.get(control.id)
                was = device.get(control) if before is None else before.before
                device.set(control, value)
                self._changed[control.id] = _Changed(control, was, device.get(control))
            except OSError as error:
                why = "another control has it on automatic" if _held(error) else error.strerror
                problems.append(f"camera.controls.{control.name} cannot be set now: {why}")
        self._problems = problems

    def _restore(self, device: ControlDevice, ids: set[int]) -> None:
        """In the reverse order, in which a number comes before its automatic."""
        for one in reversed([changed for id_, changed in self._changed.items() if id_ in ids]):
            try:
                if device.get(one.control) == one.now:
                    device.set(one.control, one.before)
            except OSError:  # it is gone, or another control has it on automatic
                pass
            del self._changed[one.control.id]


def _held(error: OSError) -> bool:
    return error.errno in (errno.EACCES, errno.EBUSY)
