"""Installs MediaPipe into its own environment: it needs an older NumPy and an older Python."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_cache_path

from bgblur.errors import UsageError

VERSION = "0.10.21"
PYTHONS = ("3.12", "3.11", "3.10", "3.9")  # for which it has wheels
_READY = "ready"  # a file that marks a complete installation


def peer_folder() -> Path:
    return user_cache_path("bgblur") / f"mediapipe-{VERSION}"


def find_environment(folder: Path) -> Path | None:
    """The environment's Python, or None if it is missing or incomplete."""
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    return python if (folder / _READY).is_file() and python.exists() else None


def make_environment(folder: Path, python: str | None, say: Callable[[str], None]) -> Path:
    """Install MediaPipe (about a gigabyte) into ``folder``; return the environment's Python.

    Raises UsageError if that fails.
    """
    base = python or suitable_python()
    say(f"installing mediapipe {VERSION} into {folder}")
    shutil.rmtree(folder, ignore_errors=True)
    _run([base, "-m", "venv", str(folder)], "the environment cannot be made")
    scripts = folder / ("Scripts" if sys.platform == "win32" else "bin")
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    wanted = [f"mediapipe=={VERSION}", "numpy<2"]
    _run([str(scripts / "python"), *install, *wanted], f"mediapipe {VERSION} cannot be installed")
    (folder / _READY).touch()
    found = find_environment(folder)
    if found is None:
        raise UsageError(f"{folder} has no Python after the installation: name one with --python")
    return found


def suitable_python() -> str:
    """A Python that MediaPipe has wheels for: this one, or else one on the path.

    Raises UsageError if there is none.
    """
    if "{}.{}".format(*sys.version_info) in PYTHONS:
        return sys.executable
    for version in PYTHONS:
        found = shutil.which(f"python{version}")
        if found is not None and _works(found, version):  # a shim of pyenv may not work
            return found
    raise UsageError(
        f"mediapipe {VERSION} needs Python {PYTHONS[-1]} to {PYTHONS[0]}, which is not installed: "
        "install one and name it with --python"
    )


def _works(python: str, version: str) -> bool:
    ask = "import sys, venv; print('{}.{}'.format(*sys.version_info))"
    try:
        done = subprocess.run(
            [python, "-c", ask], capture_output=True, text=True, check=False, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.strip() == version


def _run(command: list[str], problem: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise UsageError(f"{problem}: {command[0]}: {error.strerror}; check --python") from error
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower()] or lines or ["no reason given"]
        raise UsageError(f"{problem}: {errors[-1].strip()}; check the network and --python")
