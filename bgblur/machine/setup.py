"""``bgblur-cam setup``: loads v4l2loopback with the options that browsers need, now and at boot.

It makes a plan, shows it, and runs it once the user agrees. As root and through sudo alike, a file
is first written beside its target, then moved over it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from bgblur.devices.listing import LABEL, video_nodes
from bgblur.devices.pipewire.library import trouble
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

MARK = "# Written by `bgblur-cam setup`; `bgblur-cam setup --undo` removes it."
OPTIONS_FILE = "/etc/modprobe.d/bgblur.conf"
LOAD_FILE = "/etc/modules-load.d/bgblur.conf"
LOAD, UNLOAD = ["modprobe", MODULE], ["modprobe", "-r", MODULE]

_FIRST_NUMBER = 10  # webcams get lower numbers
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
    """``notes`` say what stays unchanged, or what will be unloaded."""

    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def plan_setup(system: System, number: int | None = None) -> Plan:
    """Plan the setup of /dev/videoN with N = ``number``; None keeps the present one, or takes a
    free one.

    Raises OutputError if the module is missing or in use, or if files that bgblur did not write
    are in the way.
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
            raise OutputError(f"{node} belongs to another device: choose another number")
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
        notes.append(f"unloads {lost or MODULE}; no program uses it now")
    return Plan(steps, notes)


def plan_undo(system: System) -> Plan:
    """Plan the removal of what ``plan_setup`` installed; files and modules of others stay."""
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
    """Prefix of a command that root has to run. Raises OutputError without sudo or pkexec."""
    if os.geteuid() == 0:
        return []
    for way in ("sudo", "pkexec"):
        if shutil.which(way):
            return [way]
    raise OutputError("this needs root, but neither sudo nor pkexec is installed: run it as root")


def describe(plan: Plan, elevate: list[str]) -> list[str]:
    """The plan as lines for the user to confirm: files with their contents, and commands."""
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
    """Run the steps in order. Raises OutputError at the first that fails, and skips the rest."""
    for step in plan.steps:
        match step:
            case Write(path, text):
                _write(system.path(path), text, run, elevate)
            case Remove(path):
                _do([*elevate, "rm", "-f", str(system.path(path))], run)
            case Execute(argv):
                _do([*elevate, *argv], run, system)


def ready(system: System, within: float = 3.0) -> str:
    """Wait for the device, and return what to do next. Raises OutputError if none appears."""
    deadline = time.monotonic() + within
    while True:
        loopback = read_loopback(system)
        node = next((node for node in loopback.nodes if node.label == LABEL), None)
        if node is not None:
            return f'{node.path} is ready: start bgblur-cam, then choose "{LABEL}"'
        if time.monotonic() >= deadline:
            raise OutputError(f"{MODULE} is loaded, but no {LABEL} device appeared: see `dmesg`")
        time.sleep(0.1)


def _write(target: Path, text: str, run: Run, elevate: list[str]) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".conf") as staged:
        staged.write(text)
        staged.flush()
        # modprobe and systemd ignore files with this ending.
        beside = f"{target}.new"
        _do([*elevate, "install", "-D", "-m", "0644", staged.name, beside], run)
        _do([*elevate, "mv", "-f", beside, str(target)], run)


def _do(argv: list[str], run: Run, system: System | None = None) -> None:
    done = run(argv)
    if done.returncode == 0:
        return
    reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    advice = ""
    if system is not None and secure_boot(system):
        advice = f": secure boot is on, the module's key must be enrolled: {enrol_command(system)}"
    raise OutputError(f"`{' '.join(argv)}` failed ({reason}){advice}")


def _not_installed(system: System) -> str:
    if built_for_another_kernel(system):
        return (
            f"{MODULE} is installed, but not built for the running kernel: install "
            f"linux-headers-{system.kernel}, run `sudo dkms autoinstall`, then this again"
        )
    way = f"{install_command(system)}, then run this again"
    if trouble() is None:
        way += ", or use --output pipewire, which needs no module and no root"
    return f"{MODULE} is not installed: {way}"


def _own_text(system: System, path: str) -> str | None:
    """Text that an earlier run wrote. Raises OutputError if bgblur did not write the file."""
    text = system.text(path)
    if text is None and not system.path(path).exists():
        return None
    if text is None or not text.startswith(MARK):
        raise OutputError(f"bgblur did not write {path}: move it away, then run this again")
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
    """Return notes, and whether a file of the user has the needed options already.

    modprobe reads all files in the order of their names: ours overrides earlier ones only. Raises
    OutputError for options in later files, and for options in a file of the user that conflict.
    """
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
                notes.append(f"{path} has the needed options: it stays unchanged")
                given = True
            elif folder == "/etc/modprobe.d" or file.name > Path(OPTIONS_FILE).name:
                raise OutputError(
                    f"{path} has options for {MODULE} already: add exclusive_caps=1 "
                    f"card_label={LABEL} to them, or remove them, then run this again"
                )
            else:
                notes.append(f"{path} has options for {MODULE} too: bgblur's override them")
    return notes, given


def _refuse_if_in_use(loopback: Loopback) -> None:
    if loopback.in_use:
        nodes = " and ".join(str(node) for node in loopback.nodes)
        raise OutputError(
            f"{MODULE} is loaded with other options as {nodes}, and a program uses it: "
            "end that program, then run this again"
        )
