"""README's table of promises names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEADING = "## What we promise, and the test that holds it"


def test_every_promise_has_its_test() -> None:
    section = (ROOT / "README.md").read_text("utf-8").split(HEADING)[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    assert len(rows) >= 10
    for row in rows:
        named = re.findall(r"`((?:tests|scripts)/[\w./]+)`", row)
        assert named, row
        assert [name for name in named if not (ROOT / name).exists()] == []
