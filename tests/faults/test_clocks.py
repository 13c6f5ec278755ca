"""The wall clock may jump: network time, a user, a sleep. Nothing but a report may look at it.

``time.monotonic`` never jumps. During a sleep of the machine it stands still on Linux and goes on
elsewhere; either is safe, since a frame that then counts as new still carries its own alpha, and
one that counts as old is hidden.
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
REPORTS = {"report.py"}  # how old the process is, where the system tells the time it began


def wall_clocks(text: str) -> list[int]:
    """Lines that look at the time of day."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [node.lineno for alias in node.names if alias.name in WALL]
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            known = node.value.id in ("time", "datetime", "date")
            if known and node.attr in WALL and isinstance(node.ctx, ast.Load):
                found.append(node.lineno)
    return found


def test_only_a_report_looks_at_the_wall_clock() -> None:
    assert wall_clocks("import time\nx = time.time()") == [2]
    assert wall_clocks("from time import time") == [1]
    assert wall_clocks("import time\nx = time.monotonic()") == []
    live = [path for path in HOME.rglob("*.py") if "training" not in path.relative_to(HOME).parts]
    assert len(live) > 50
    lookers = {str(p.relative_to(HOME)) for p in live if wall_clocks(p.read_text("utf-8"))}
    assert lookers == REPORTS


@pytest.mark.parametrize("jump", [-86400.0, 86400.0])
def test_a_jump_of_the_wall_clock_is_not_noticed(
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
        assert rig.pipeline.state == "blurring"
        assert rig.pipeline.stats.frames > frames
        rig.stop()
        rig.ended()
