"""Checks of Python, the packages and the configuration."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement

from bgblur import __version__
from bgblur.config.file import load
from bgblur.config.settings import Settings
from bgblur.errors import UsageError
from bgblur.machine.checks import Check

_OLDEST = (3, 11)
_NAMED = (
    "openvino",
    "opencv-python",
    "pyvirtualcam",
    "av",
)  # versions that a bug report should have


def check_python() -> Check:
    detail = f"Python {platform.python_version()}, {platform.system()} {platform.release()}"
    if sys.version_info >= _OLDEST:
        return Check("ok", "python", detail)
    return Check("fail", "python", detail, "install Python 3.11 or newer")


def check_packages(requirements: list[str] | None = None) -> Check:
    """Check ``requirements``, by default those of bgblur."""
    if requirements is None:
        try:
            requirements = requires("bgblur") or []
        except PackageNotFoundError:
            here = "bgblur is not installed: it runs from its folder"
            return Check("warn", "packages", here, f"{sys.executable} -m pip install -e .")
    problems, wanted = [], []
    for requirement in map(Requirement, requirements):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        problem = _problem(requirement)
        if problem is not None:
            problems.append(problem)
            wanted.append(f"'{requirement.name}{requirement.specifier}'")
    if problems:
        fix = f"{sys.executable} -m pip install {' '.join(wanted)}"
        return Check("fail", "packages", "; ".join(problems), fix)
    torch = ["torch"] if find_spec("torch") is not None else []  # of the extra "gpu"
    named = ", ".join(f"{name} {version(name)}" for name in (*_NAMED, *torch))
    return Check("ok", "packages", f"bgblur {__version__}, {named}")


def _problem(requirement: Requirement) -> str | None:
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return f"{requirement.name} is missing"
    if requirement.specifier.contains(found, prereleases=True):
        return None
    return f"{requirement.name} is {found}, but must be {requirement.specifier}"


def check_config(path: Path) -> tuple[Check, Settings]:
    """The check and the settings in force; the defaults if the file cannot be used."""
    try:
        settings = load(path)
    except UsageError as error:
        fix = f"edit {path}, then bgblur-cam config validate"
        return Check("fail", "configuration", str(error), fix, error.exit_code), Settings()
    detail = f"{path} is valid" if path.exists() else f"there is no {path}: the defaults apply"
    return Check("ok", "configuration", detail), settings
