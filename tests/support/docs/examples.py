"""The commands in the papers' ``sh`` blocks, parsed as the programs parse them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

from bgblur.cli import app
from support.docs.markdown import PAPERS, ROOT, blocks

WITHOUT_TYPER = {
    "scripts/test",
    "scripts/package",
    "scripts/v4l2-bench",
    "scripts/soak.py",
    "scripts/docs_pictures.py",
}


@dataclass(frozen=True)
class Example:
    """One command line: ``words`` without its comment, ``where`` it stands."""

    text: str
    words: tuple[str, ...]
    where: str

    @property
    def program(self) -> str:
        return self.words[0]

    @property
    def arguments(self) -> list[str]:
        return list(self.words[1:])


def examples() -> Iterator[Example]:
    """Every command of bgblur's own, each text once."""
    seen = set()
    for paper in PAPERS:
        for block in blocks(paper):
            if block.language != "sh":
                continue
            for text in block.text.replace("\\\n", " ").splitlines():
                words = tuple(shlex.split(text, comments=True))
                if words and words not in seen and _is_ours(words[0]):
                    seen.add(words)
                    yield Example(text, words, str(block))


def _is_ours(program: str) -> bool:
    return program == "bgblur-cam" or program.startswith("scripts/")


@cache
def command_of(program: str) -> Any:
    """Typer's command behind ``bgblur-cam``, ``scripts/run`` or a training script."""
    if program in ("bgblur-cam", "scripts/run"):
        return typer.main.get_command(app)
    name = Path(program).stem
    script = typer.Typer(add_completion=False)
    script.command()(getattr(import_module(f"bgblur.training.commands.{name}"), name))
    return typer.main.get_command(script)


def check(example: Example) -> None:
    """Parse the arguments down to the last command, without running it. Raises what typer raises
    for an unknown command or option, or a value of the wrong kind."""
    if example.program in WITHOUT_TYPER:
        assert (ROOT / example.program).is_file()
        return
    assert example.program == "bgblur-cam" or (ROOT / example.program).is_file()
    command, name, arguments = command_of(example.program), example.program, example.arguments
    parent = None
    while True:
        parent = command.make_context(name, arguments, parent=parent)
        rest = [*parent._protected_args, *parent.args]
        if not rest or not hasattr(command, "commands"):
            return
        name, arguments = rest[0], rest[1:]
        command = command.get_command(parent, name)
        assert command is not None, f"there is no command {name}"


def options(program: str) -> dict[str, set[str]]:
    """The long options of each command, hidden ones and --help left out: {"video": {"--jobs"}}."""
    found: dict[str, set[str]] = {}

    def collect(command: Any, path: str) -> None:
        found[path] = {
            name
            for parameter in command.params
            if not getattr(parameter, "hidden", False)
            for name in parameter.opts
            if name.startswith("--")
        } - {"--help"}
        for name, inner in getattr(command, "commands", {}).items():
            collect(inner, f"{path} {name}".strip())

    collect(command_of(program), "")
    return found
