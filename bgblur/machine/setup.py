"""``bgblur-cam setup``: v4l2loopback with the options that browsers need, now and after a restart.

A plan is made first, shown, and carried out once the user agrees. Files are written the same way
as root and through sudo: put beside their place, then moved over it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from bgblur.devices.listing import LABEL, video_nodes
from bgblur.errors import OutputError
from bgblur.machine.loopback import (
    MODULE,
    Loopback,
    built_for_another_kernel,
    enrol_command,
    install_command,
    read_loopback,
    secure_boot,
)
from bgblur.machine.system import Run, System

MARK = "# Written by `bgblur-cam setup`; `bgblur-cam setup --undo` takes it away."
OPTIONS_FILE = "/etc/modprobe.d/bgblur.conf"
LOAD_FILE = "/etc/modules-load.d/bgblur.conf"
LOAD, UNLOAD = ["modprobe", MODULE], ["modprobe", "-r", MODULE]

_FIRST_NUMBER = 10  # below are the numbers that webcams get
_NEEDED = {"exclusive_caps=1", f"card_label={LABEL}"}
_OPTIONS_FOLDERS = ("/etc/modprobe.d", "/run/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d")


@dataclass(frozen=True)
class Write:
    path: str
    text: str


@dataclass(frozen=True)
class Remove:
    path: str


@dataclass(frozen=True)
class Execute:
    argv: list[str]


Step = Write | Remove | Execute


@dataclass(frozen=True)
class Plan:
    """``notes`` say what is left as it is, or what will be lost."""

    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def plan_setup(system: System, number: int | None = None) -> Plan:
    """``number`` is the N of /dev/videoN; None keeps the one there is, or takes a free one.

    Raises OutputError where the module is missing, in use, or somebody else's files stand in the
    way.
    """
    loopback = read_loopback(system)
    if loopback.loaded is None and loopback.available is None:
        raise OutputError(_not_installed(system))
    notes, given = _others_options(system)
    ours = [node.path for node in loopback.nodes if node.label == LABEL and node.exclusive]
    if number is None:
        number = _number_in_use(system, ours)
    else:
        node = f"/dev/video{number}"
        ours = [path for path in ours if path == node]
        if system.path(node).exists() and node not in [n.path for n in loopback.nodes]:
            raise OutputError(f"{node} is taken by another device: choose another number")
    wanted = {
        OPTIONS_FILE: f"{MARK}\n"
        f"options {MODULE} exclusive_caps=1 card_label={LABEL} video_nr={number}\n",
        LOAD_FILE: f"{MARK}\n{MODULE}\n",
    }
    if given:
        del wanted[OPTIONS_FILE]
    steps: list[Step] = [
        Write(path, text) for path, text in wanted.items() if _own_text(system, path) != text
    ]
    if loopback.loaded is None:
        steps.append(Execute(LOAD))
    elif not ours:
        _refuse_if_in_use(loopback)
        steps += [Execute(UNLOAD), Execute(LOAD)]
        lost = " and ".join(str(node) for node in loopback.nodes)
        notes.append(f"unloads {lost or MODULE}, which no program uses now")
    return Plan(steps, notes)


def plan_undo(system: System) -> Plan:
    """Takes away what ``plan_setup`` brought; what others wrote or loaded stays."""
    steps: list[Step] = []
    notes = []
    for path in (OPTIONS_FILE, LOAD_FILE):
        text = system.text(path)
        if text is None:
            continue
        if text.startswith(MARK):
            steps.append(Remove(path))
        else:
            notes.append(f"{path} stays: bgblur did not write it")
    loopback = read_loopback(system)
    if not steps or loopback.loaded is None:
        return Plan(steps, notes)
    others = [str(node) for node in loopback.nodes if node.label != LABEL]
    if loopback.in_use:
        notes.append(f"{MODULE} stays loaded until the next restart: a program uses it")
    elif others:
        notes.append(f"{MODULE} stays loaded: {' and '.join(others)} is not bgblur's")
    else:
        steps.append(Execute(UNLOAD))
    return Plan(steps, notes)


def elevation() -> list[str]:
    """What goes before a command that root has to run. Raises OutputError without a way."""
    if os.geteuid() == 0:
        return []
    for way in ("sudo", "pkexec"):
        if shutil.which(way):
            return [way]
    raise OutputError("this needs root, and neither sudo nor pkexec is here: run it as root")


def describe(plan: Plan, elevate: list[str]) -> list[str]:
    """The plan in lines, for the user to agree to: files with their contents, and commands."""
    lines = []
    for step in plan.steps:
        match step:
            case Write(path, text):
                lines.append(f"write {path}:")
                lines += [f"    {line}" for line in text.splitlines()]
            case Remove(path):
                lines.append(f"remove {path}")
            case Execute(argv):
                lines.append(f"run {' '.join([*elevate, *argv])}")
    return lines + [f"note: {note}" for note in plan.notes]


def carry_out(plan: Plan, system: System, run: Run, elevate: list[str]) -> None:
    """Raises OutputError at the first step that fails; those after it are not tried."""
    for step in plan.steps:
        match step:
            case Write(path, text):
                _write(system.path(path), text, run, elevate)
            case Remove(path):
                _do([*elevate, "rm", "-f", str(system.path(path))], run)
            case Execute(argv):
                _do([*elevate, *argv], run, system)


def ready(system: System, within: float = 3.0) -> str:
    """Waits for the device that was loaded; what to do with it. Raises OutputError without one."""
    deadline = time.monotonic() + within
    while True:
        loopback = read_loopback(system)
        node = next((node for node in loopback.nodes if node.label == LABEL), None)
        if node is not None:
            return f'{node.path} is there: start bgblur-cam, then choose "{LABEL}"'
        if time.monotonic() >= deadline:
            raise OutputError(f"{MODULE} is loaded, but no {LABEL} device came: see `dmesg`")
        time.sleep(0.1)


def _write(target: Path, text: str, run: Run, elevate: list[str]) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".conf") as staged:
        staged.write(text)
        staged.flush()
        # Neither modprobe nor systemd reads a file with this ending.
        beside = f"{target}.new"
        _do([*elevate, "install", "-D", "-m", "0644", staged.name, beside], run)
        _do([*elevate, "mv", "-f", beside, str(target)], run)


def _do(argv: list[str], run: Run, system: System | None = None) -> None:
    done = run(argv)
    if done.returncode == 0:
        return
    reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    mend = ""
    if system is not None and secure_boot(system):
        mend = f": secure boot is on, the module's key must be enrolled: {enrol_command(system)}"
    raise OutputError(f"`{' '.join(argv)}` failed ({reason}){mend}")


def _not_installed(system: System) -> str:
    if built_for_another_kernel(system):
        return (
            f"{MODULE} is installed, but not built for the running kernel: install "
            f"linux-headers-{system.kernel}, run `sudo dkms autoinstall`, then this again"
        )
    return f"{MODULE} is not installed: {install_command(system)}, then run this again"


def _own_text(system: System, path: str) -> str | None:
    """What an earlier run wrote there. Raises OutputError if somebody else wrote it."""
    text = system.text(path)
    if text is None and not system.path(path).exists():
        return None
    if text is None or not text.startswith(MARK):
        raise OutputError(f"{path} is not bgblur's: move it away, then run this again")
    return f"{text}\n"


def _number_in_use(system: System, ours: list[str]) -> int:
    for word in (_own_text(system, OPTIONS_FILE) or "").split():
        if word.startswith("video_nr=") and word[9:].isdecimal():
            return int(word[9:])
    if ours:
        return int(ours[0].removeprefix("/dev/video"))
    taken = {int(path.name.removeprefix("video")) for path in video_nodes(system.path("/dev"))}
    return next(number for number in range(_FIRST_NUMBER, 256) if number not in taken)


def _others_options(system: System) -> tuple[list[str], bool]:
    """(notes, whether the user's own file gives what is needed). modprobe joins all files by their
    names: what comes before ours is overruled, the rest is not. Raises OutputError for that, and
    for what the user wrote themselves, unless it will do."""
    # /lib is often a link to /usr/lib.
    folders = {system.path(folder).resolve(): folder for folder in reversed(_OPTIONS_FOLDERS)}
    notes, given = [], False
    for real, folder in folders.items():
        for file in sorted(real.glob("*.conf")):
            path = f"{folder}/{file.name}"
            lines = [line.split() for line in (system.text(path) or "").splitlines()]
            options = {w for words in lines if words[:2] == ["options", MODULE] for w in words[2:]}
            if not options or path == OPTIONS_FILE:
                continue
            if folder == "/etc/modprobe.d" and options >= _NEEDED:
                notes.append(f"{path} has the options that are needed: it stays as it is")
                given = True
            elif folder == "/etc/modprobe.d" or file.name > Path(OPTIONS_FILE).name:
                raise OutputError(
                    f"{path} has options for {MODULE} already: add exclusive_caps=1 "
                    f"card_label={LABEL} to them, or take them out and run this again"
                )
            else:
                notes.append(f"{path} has options for {MODULE} too: bgblur's come after them")
    return notes, given


def _refuse_if_in_use(loopback: Loopback) -> None:
    if loopback.in_use:
        nodes = " and ".join(str(node) for node in loopback.nodes)
        raise OutputError(
            f"{MODULE} is loaded with other options as {nodes}, and a program uses it: "
            "end that program, then run this again"
        )
