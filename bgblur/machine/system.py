"""Reads files and runs commands of this machine.

All paths start at one root folder, so that tests can use a folder in place of a machine.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Run = Callable[[list[str]], "subprocess.CompletedProcess[str]"]


def run_command(argv: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; exit code 127 and the reason on ``stderr`` if it cannot start."""
    # On Debian, modinfo's folder is not in a user's PATH.
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    try:
        return subprocess.run(
            argv, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
        )
    except OSError as error:
        return subprocess.CompletedProcess(argv, 127, "", f"{argv[0]}: {error.strerror}")


@dataclass(frozen=True)
class System:
    """A machine. ``run`` only queries it: commands run through it change nothing."""

    root: Path = Path("/")
    run: Run = run_command
    kernel: str = platform.release()

    def path(self, absolute: str) -> Path:
        return self.root / absolute.lstrip("/")

    def text(self, absolute: str) -> str | None:
        """A file's text without its last line end; None if it cannot be read."""
        try:
            return self.path(absolute).read_text(encoding="utf-8", errors="replace").rstrip("\n")
        except OSError:
            return None

    def answer(self, *argv: str) -> str | None:
        """Output of a command; None if it fails."""
        done = self.run(list(argv))
        return done.stdout.strip() if done.returncode == 0 else None

    def release(self) -> dict[str, str]:
        """The fields of ``/etc/os-release``: ID, ID_LIKE, VERSION_CODENAME and others."""
        lines = (self.text("/etc/os-release") or "").splitlines()
        pairs = (line.split("=", 1) for line in lines if "=" in line)
        return {key: value.strip("\"'") for key, value in pairs}
