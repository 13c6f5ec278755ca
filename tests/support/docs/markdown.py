"""The parts of a Markdown file that the tests of the papers look at."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAPERS = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "bgblur/weights/README.md",
)
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line (from 1) on which the text begins."""

    paper: Path
    language: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"{self.paper.relative_to(ROOT)}:{self.line}"


def blocks(paper: Path) -> Iterator[Block]:
    text = paper.read_text("utf-8")
    for found in _FENCE.finditer(text):
        yield Block(paper, found[1], found[2], text.count("\n", 0, found.start(2)) + 1)


def prose(paper: Path) -> str:
    """The text without its fenced blocks."""
    return _FENCE.sub("", paper.read_text("utf-8"))


def links(paper: Path) -> list[str]:
    return _LINK.findall(prose(paper))


def inline_code(paper: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", prose(paper))


def tables(text: str) -> Iterator[list[str]]:
    """Each row of each table, as its cells; headings and rulers too."""
    for line in text.splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def anchors(paper: Path) -> set[str]:
    """The names that GitHub gives the headings."""
    seen: Counter[str] = Counter()
    names = set()
    for heading in _HEADING.findall(prose(paper)):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        names.add(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return names
