"""The wall clock may jump: by network time, a user, a sleep. Only a report may read it.

``time.monotonic`` never jumps. While the machine sleeps it stops on Linux and goes on elsewhere.
Both are safe: a frame that then counts as new still has its own alpha, and one that counts as old
is hidden.
"""

from __future__ import annotations

import ast
import time
from pathlib import Path

import pytest
from support.faults.fairness import Heartbeat
from support.faults.rig import FaultRig

import bgblur

HOME = Path(bgblur.__file__).parent
WALL = {"time", "time_ns", "localtime", "gmtime", "now", "today", "utcnow"}
REPORTS = {"pipeline/report.py"}  # the age of the process, from the time at which it began


def wall_clocks(text: str) -> list[int]:
    """The lines that read the time of day."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [node.lineno for alias in node.names if alias.name in WALL]
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            known = node.value.id in ("time", "datetime", "date")
            if known and node.attr in WALL and isinstance(node.ctx, ast.Load):
                found.append(node.lineno)
    return found


def test_only_a_report_reads_the_wall_clock() -> None:
    assert wall_clocks("import time\nx = time.time()") == [2]
    assert wall_clocks("from time import time") == [1]
    assert wall_clocks("import time\nx = time.monotonic()") == []
    live = [path for path in HOME.rglob("*.py") if "training" not in path.relative_to(HOME).parts]
    assert len(live) > 50
    readers = {str(p.relative_to(HOME)) for p in live if wall_clocks(p.read_text("utf-8"))}
    assert readers == REPORTS


@pytest.mark.parametrize("jump", [-86400.0, 86400.0])
def test_a_jump_of_the_wall_clock_changes_nothing(
    jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = time.time
    with Heartbeat() as heart:
        rig = FaultRig(heart)
        rig.start()
        rig.recover()
        monkeypatch.setattr(time, "time", lambda: clock() + jump)
        frames = rig.pipeline.stats.frames
        rig.watch(0.4)
        rig.wait(lambda: rig.pipeline.state == "blurring")
        assert rig.pipeline.stats.frames > frames
        rig.stop()
        rig.ended()
