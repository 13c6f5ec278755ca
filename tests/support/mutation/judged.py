"""The surviving mutants that docs/promises.md lists, with the reason why each breaks no promise."""

from __future__ import annotations

import re
from pathlib import Path

HEADING = "## Mutants that survive"
_ROW = re.compile(r"\| `(?P<module>[\w./]+)` \| `(?P<change>.+ -> .*)` \| (?P<reason>.+) \|")


def judged(root: Path) -> dict[tuple[str, str], str]:
    """The reasons by (module, change)."""
    text = (root / "docs/promises.md").read_text("utf-8")
    section = text.partition(HEADING)[2].partition("\n## ")[0]
    rows = map(_ROW.fullmatch, section.splitlines())
    return {
        (row["module"], row["change"].replace("\\|", "|")): row["reason"] for row in rows if row
    }
