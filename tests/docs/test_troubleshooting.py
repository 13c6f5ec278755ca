"""Each message that docs/troubleshooting.md quotes is one that the program can give."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
QUOTED = re.compile(r"`([^`]+)`")


def quoted() -> list[str]:
    """The messages in the first column of every table."""
    text = (ROOT / "docs/troubleshooting.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    return [message for row in rows for message in QUOTED.findall(row.split("|")[1])]


def literals() -> Iterator[str]:
    """All text in the program's strings, adjacent literals joined."""
    for path in (ROOT / "bgblur").rglob("*.py"):
        if "training" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
    for path in (ROOT / "bgblur").rglob("*.js"):
        yield path.read_text("utf-8")


def plain(text: str) -> str:
    """Without punctuation, which may change without a change of words."""
    return re.sub(r"[,;:.]", "", text)


TEXT = plain("\n".join(literals()))


@pytest.mark.parametrize("message", quoted())
def test_the_program_can_say_so(message: str) -> None:
    parts = [plain(part).strip() for part in message.split("…")]
    missing = [part for part in parts if part and part not in TEXT]
    assert missing == [], f"no message has {missing}: was it reworded?"
