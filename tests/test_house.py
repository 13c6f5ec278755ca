"""The house: the layers are kept and a breach is found, modules are short, the root is small."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "bgblur"
LONGEST = 300  # lines
AT_THE_ROOT = {
    *("__init__", "__main__", "addresses", "api", "cli"),
    *("buffers", "environment", "errors", "files", "frame", "interrupts", "stats"),
}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_layers_are_kept() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("frame.py", "from bgblur.pipeline import build", "The house"),
        ("sources/demo.py", "import bgblur.sinks.null", "The house"),
        ("daemon/status.py", "def late():\n    import bgblur.tray.app", "The house"),
        ("devices/listing.py", "import bgblur.imaging.color", "The house"),
        ("attic/__init__.py", "", "exhaustive"),
        ("training/augment/walls.py", "import bgblur.training.fit.loop", "Training"),
        ("commands/reports.py", "import bgblur.training.data.sets", "Only scripts"),
        ("imaging/color.py", "import torchvision", "neither Qt"),
        ("pipeline/build.py", "import PySide6.QtCore", "neither Qt"),
    ],
)
def test_a_breach_is_found(module: str, line: str, contract: str, tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "bgblur", ignore=shutil.ignore_patterns("*.ts", "__pyc*"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    file = tmp_path / "bgblur" / module
    file.parent.mkdir(exist_ok=True)
    with file.open("a") as text:
        text.write(f"\n{line}\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    broken = [name for name in done.stdout.splitlines() if " BROKEN" in name]
    shown = done.stdout if contract == "exhaustive" else "\n".join(broken)
    assert contract in shown, done.stdout


def test_no_module_is_long() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines())
        for path in PACKAGE.rglob("*.py")
    }
    assert len(lengths) > 200
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_the_root_has_what_belongs_there() -> None:
    assert {path.stem for path in PACKAGE.glob("*.py")} == AT_THE_ROOT
