"""docs/promises.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEADING = "# Promises, and the tests that hold them"


def test_every_promise_has_its_test() -> None:
    section = (ROOT / "docs/promises.md").read_text("utf-8").split(HEADING)[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    assert len(rows) >= 10
    for row in rows:
        named = re.findall(r"`((?:tests|scripts)/[\w./]+)`", row)
        assert named, row
        assert [name for name in named if not (ROOT / name).exists()] == []
