"""A camera's own controls, as exposure, gain and focus: what it offers, and setting them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Protocol

Wanted = bool | int | str
"""A control's value in the configuration; text names an entry of a menu."""


@dataclass(frozen=True)
class Control:
    """``name`` is as v4l2-ctl prints it. ``standard`` is V4L2's own, which older kernels derived
    the name from; empty where the control is the driver's own. ``entries`` are a menu's."""

    id: int
    name: str
    standard: str
    kind: Literal["number", "switch", "menu"]
    minimum: int
    maximum: int
    step: int
    default: int
    value: int | None = None
    entries: dict[int, str] = field(default_factory=dict, hash=False)
    inactive: bool = False  # another control has it on automatic

    @property
    def range(self) -> str:
        """What it takes, in words."""
        if self.kind == "switch":
            return "true or false"
        if self.kind == "menu":
            return ", ".join(map(self.written, self.entries))
        return f"{self.minimum} to {self.maximum}"

    def written(self, value: int) -> str:
        """``value`` as in the configuration, TOML."""
        if self.kind == "switch":
            return str(bool(value)).lower()
        return json.dumps(self.entries.get(value, str(value))) if self.entries else str(value)


def control_lines(controls: Sequence[Control]) -> list[str]:
    """Each control with its present value as a line of TOML, and what it takes."""
    return [
        f"{control.name} = {control.written(default if control.value is None else control.value)}"
        f"  # {control.range}; default {control.written(default)}"
        + ("; on automatic by another control" if control.inactive else "")
        for control in controls
        for default in [control.default]
    ]


class ControlDevice(Protocol):
    """An open camera. Everything raises OSError."""

    def offered(self) -> list[Control]: ...

    def get(self, control: Control) -> int: ...

    def set(self, control: Control, value: int) -> None: ...


def plan(
    wanted: Mapping[str, Wanted], offered: Sequence[Control]
) -> tuple[list[tuple[Control, int]], list[str]]:
    """What to set, in the order to set it, and one line for each wish that cannot be met.

    Switches and menus come first: an automatic has to be off before its number can be set.
    """
    names = {name: control for control in offered for name in (control.standard, control.name)}
    values: dict[str, tuple[Control, int]] = {}
    problems = []
    for name, value in wanted.items():
        control = names.get(_plain(name))
        if control is None:
            problems.append(_unknown(name, [control.name for control in offered]))
        elif (number := _number(control, value)) is None:
            shown = f'"{value}"' if isinstance(value, str) else str(value).lower()
            problems.append(f"camera.controls.{name} is {shown}: this camera takes {control.range}")
        else:
            values[control.name] = control, number
    return sorted(values.values(), key=lambda item: item[0].kind == "number"), problems


def _unknown(name: str, offered: list[str]) -> str:
    if not offered:
        return f"camera.controls.{name} has no effect: this camera has no controls"
    near = get_close_matches(_plain(name), offered, n=1)
    hint = f'did you mean "{near[0]}"?' if near else "`bgblur-cam devices --controls` lists them"
    return f"camera.controls.{name} is no control of this camera: {hint}"


def _number(control: Control, value: Wanted) -> int | None:
    """``value`` as the driver takes it; None where it does not."""
    if control.kind == "switch":
        return int(value) if value in (0, 1) else None  # True and False, too
    if isinstance(value, bool):
        return None
    if control.kind == "menu":
        if isinstance(value, int) and value in control.entries:
            return value
        meant = _plain(str(value))
        return next((key for key, text in control.entries.items() if _plain(text) == meant), None)
    if isinstance(value, int) and control.minimum <= value <= control.maximum:
        return value
    return None


def _plain(name: str) -> str:
    """ "Exposure Time, Absolute" as v4l2-ctl writes it: exposure_time_absolute."""
    return re.sub("[^a-z0-9]+", "_", name.lower()).strip("_")


def controls_of(node: str) -> list[Control]:
    """What the camera at ``node`` offers; nothing if it cannot be opened or is no V4L2 device."""
    try:
        return V4l2Controls(node).offered()
    except (OSError, ImportError):  # outside Linux linuxpy cannot be imported
        return []


class V4l2Controls:
    """The controls of ``node``, opened for each call. Raises OSError."""

    def __init__(self, node: str) -> None:
        self._path = Path(node)
        self._queries: dict[int, Any] = {}

    def offered(self) -> list[Control]:
        from linuxpy.video.device import iter_read_controls

        with self._path.open("r+b", buffering=0) as node:
            queries = list(iter_read_controls(node))
            self._queries = {query.id: query for query in queries}
            return [control for query in queries if (control := _control(node, query))]

    def get(self, control: Control) -> int:
        from linuxpy.video.device import get_controls_values

        with self._path.open("r+b", buffering=0) as node:
            return int(get_controls_values(node, [self._queries[control.id]])[0])

    def set(self, control: Control, value: int) -> None:
        from linuxpy.video.device import set_controls_values

        with self._path.open("r+b", buffering=0) as node:
            set_controls_values(node, [(self._queries[control.id], value)])


def _control(node: Any, query: Any) -> Control | None:
    """None for what is no setting: headings, buttons, lists, and what may only be read."""
    from linuxpy.video.device import ControlFlag, ControlID, ControlType, get_controls_values

    kinds: dict[int, Literal["number", "switch", "menu"]] = {
        ControlType.INTEGER: "number",
        ControlType.INTEGER64: "number",
        ControlType.BOOLEAN: "switch",
        ControlType.MENU: "menu",
        ControlType.INTEGER_MENU: "menu",
    }
    unfit = (
        ControlFlag.DISABLED
        | ControlFlag.READ_ONLY
        | ControlFlag.WRITE_ONLY
        | ControlFlag.HAS_PAYLOAD
    )
    kind = kinds.get(query.type)
    if kind is None or query.flags & unfit:
        return None
    name = _plain(query.name.decode("utf-8", "replace"))
    standard = {member.value: member.name.lower() for member in ControlID}.get(query.id, "")
    try:
        value = int(get_controls_values(node, [query])[0])
    except OSError:
        value = None
    return Control(
        query.id,
        name,
        standard,
        kind,
        query.minimum,
        query.maximum,
        query.step,
        query.default_value,
        value,
        dict(_entries(node, query)) if kind == "menu" else {},
        bool(query.flags & ControlFlag.INACTIVE),
    )


def _entries(node: Any, query: Any) -> Iterator[tuple[int, str]]:
    from linuxpy.video.device import IOC, ControlType, iter_read, raw

    wanted = raw.v4l2_querymenu()
    wanted.id = query.id
    span = {"start": query.minimum, "stop": query.maximum + 1, "step": query.step or 1}
    for item in iter_read(node, IOC.QUERYMENU, wanted, ignore_einval=True, **span):
        numbers = query.type == ControlType.INTEGER_MENU
        yield item.index, str(item.value) if numbers else item.name.decode("utf-8", "replace")
