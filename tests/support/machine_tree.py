"""Imitations of machines: a folder with the files that describe the hardware."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bgblur.machine.system import System, run_command

DEBIAN = {"/etc/os-release": 'ID=debian\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian 12"\n'}
KERNEL = "6.1.0-test"


class Commands:
    """Records the commands. Module tools give the answers set here; other commands run."""

    def __init__(self, **answers: str) -> None:
        """``answers`` by modinfo's field, or by the command's name; none given is a failure."""
        self.answers = answers
        self.ran: list[list[str]] = []

    def __call__(self, argv: list[str]) -> subprocess.CompletedProcess[str]:
        self.ran.append(argv)
        if argv[0] == "modinfo":
            return self._answered(argv, argv[argv.index("-F") + 1])
        if argv[0] in ("modprobe", "sudo"):
            return self._answered(argv, argv[0])
        return run_command(argv)

    def of(self, name: str) -> list[list[str]]:
        return [argv for argv in self.ran if argv[0] == name]

    def _answered(self, argv: list[str], name: str) -> subprocess.CompletedProcess[str]:
        if name in self.answers:
            return subprocess.CompletedProcess(argv, 0, f"{self.answers[name]}\n", "")
        return subprocess.CompletedProcess(argv, 1, "", f"{argv[0]}: ERROR: no luck with {name}")


def machine(root: Path, *parts: dict[str, str], run: Commands | None = None) -> System:
    """``parts`` map absolute paths to the files' texts."""
    for part in parts:
        for path, text in part.items():
            file = root / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    return System(root, run or Commands(), KERNEL)


def loopback(
    version: str = "0.13.2",
    nodes: dict[int, str] | None = None,
    exclusive: str = "Y,N,N,N",
    refcnt: int = 0,
) -> dict[str, str]:
    """v4l2loopback, loaded; ``nodes`` are numbers with labels."""
    module = "/sys/module/v4l2loopback"
    files = {
        f"{module}/version": f"{version}\n",
        f"{module}/refcnt": f"{refcnt}\n",
        f"{module}/parameters/exclusive_caps": f"{exclusive}\n",
    }
    for number, label in ({10: "bgblur"} if nodes is None else nodes).items():
        files |= node(number, label)
        files[f"/sys/class/video4linux/video{number}/max_openers"] = "10\n"
    return files


def node(number: int, name: str) -> dict[str, str]:
    """A video device of any driver."""
    return {
        f"/sys/class/video4linux/video{number}/name": f"{name}\n",
        f"/dev/video{number}": "",
    }
