"""The commands and Python examples in the papers: they run, or at least their options exist."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
import typer
from support.docs.examples import Example, check, command_of, examples, options
from support.docs.markdown import PAPERS, ROOT, Block, blocks, inline_code
from support.media.written_clips import write_clip

from bgblur.sources.demo import DemoSource

EXAMPLES = list(examples())
SCRIPTS = (
    *("benchmark", "compare_peer", "evaluate", "export", "file_quality"),
    *("import_fastai", "pack_data"),
)
# --debug is taken off before typer; --user and so on belong to other programs.
OTHERS = {"--debug", "--user", "--no-install-recommends"}
PYTHON = [block for paper in PAPERS for block in blocks(paper) if block.language == "python"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A home with the files that the examples name, and bgblur's commands on the PATH."""
    demo = DemoSource(320, 180)
    for name in ("holiday.jpg", "beach.jpg", "photos/one.jpg", "photos/two.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), demo.picture(1.0))
    (tmp_path / "recordings").mkdir()
    for name in ("talk.mp4", "recordings/monday.mp4", "recordings/tuesday.mp4"):
        write_clip(tmp_path / name, [demo.picture(n / 30) for n in range(6)])
    (tmp_path / "other.toml").write_text("[background]\nstrength = 30\n")
    (tmp_path / "bin").mkdir()
    for name in ("bgblur-cam", "run"):
        program = tmp_path / "bin" / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bgblur "$@"\n')
        program.chmod(0o755)
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_STATE_HOME": str(folder / "state"),
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }


# How a command line begins, what else it must name, and the codes it may end with in a test.
RUN: list[tuple[str, set[str], set[int]]] = [
    ("", {"--help"}, {0}),
    ("", {"demo", "--duration"}, {0}),
    ("video", set(), {0}),
    ("image", set(), {0}),
    ("config", set(), {0}),
    ("toggle", set(), {0}),
    ("devices", set(), {0}),
    ("bench", {"--json"}, {0}),
    ("status", set(), {2}),  # nothing runs
    ("doctor", {"--quick"}, {0, 1, 3, 4}),  # what this machine lacks
    ("setup", {"--dry-run"}, {0, 2, 4}),  # not Linux, or no driver
    ("service", {"--dry-run"}, {0}),
    ("desktop", {"--dry-run"}, {0}),
]


def exit_codes(example: Example) -> set[int]:
    """Those that it may end with on any machine; none where it cannot run in a test."""
    if example.program in ("bgblur-cam", "scripts/run"):
        words = example.arguments
        for first, named, codes in RUN:
            if (not first or words[:1] == [first]) and named <= set(words):
                return codes
    return set()


def test_papers_have_examples() -> None:
    assert len(EXAMPLES) > 40
    assert sum(bool(exit_codes(example)) for example in EXAMPLES) > 20


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.text[:70] for example in EXAMPLES])
def test_options_exist(example: Example, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with contextlib.suppress(typer.Exit):  # --help
        check(example)


def ran(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "example",
    [pytest.param(example, id=example.text[:70]) for example in EXAMPLES if exit_codes(example)],
)
def test_command_runs(example: Example, folder: Path) -> None:
    line = re.sub(r"^scripts/run\b", "run", example.text)
    done = ran(folder, "bash", "-c", line)
    assert done.returncode in exit_codes(example), f"{example.where}: {done.stderr}"
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("block", PYTHON, ids=map(str, PYTHON))
def test_python_example_runs(block: Block, folder: Path) -> None:
    done = ran(folder, sys.executable, "-c", block.text)
    assert done.returncode == 0, f"{block}: {done.stderr}"


def test_every_command_and_option_is_documented() -> None:
    text = "\n".join(paper.read_text("utf-8") for paper in PAPERS)
    missing = []
    for path, names in options("bgblur-cam").items():
        if path and f"`bgblur-cam {path}" not in text and f"`{path.split()[-1]}" not in text:
            missing.append(path)
        missing += [f"{path} {name}" for name in names if not re.search(rf"{name}\b", text)]
    assert missing == []


def test_every_named_option_exists() -> None:
    known = {name for names in options("bgblur-cam").values() for name in names}
    for script in (*SCRIPTS, "record", "train"):
        known |= {n for names in options(f"scripts/{script}.py").values() for n in names}
    known |= {
        "--help",
        "--minutes",
        "--size",
        "--plot",
        "--sample",
        "--survivors",
    } | OTHERS  # of other scripts
    named = {
        option
        for paper in PAPERS
        if paper.name != "training-log.md"
        for code in inline_code(paper)
        if code.startswith(("bgblur", "scripts", "--"))
        for option in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", code)
    }
    assert named - known == set()


def test_every_training_script_has_its_command() -> None:
    for script in (*SCRIPTS, "record", "train"):
        assert command_of(f"scripts/{script}.py").params, script
