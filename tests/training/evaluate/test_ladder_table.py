"""The table of the ladder that "auto" climbs, from measurement to reading."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.model_files import BRIGHT_AT_ITS_HEIGHT, write_model
from support.training.data import write_tree

from bgblur.segmentation.ladder import Ladder, Rung, read_table
from bgblur.training.evaluate.ladder import Row, write_table

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "benchmark.py"


def test_what_is_written_is_read_and_the_superfluous_is_marked(tmp_path: Path) -> None:
    path = tmp_path / "ladder.toml"
    good, poor = Row("a", 128, 0.75, 0.25, 4.0), Row('b"', 96, 0.5, 0.0, 5.0)
    write_table([poor, good], path, "A Processor")
    table = read_table(path)
    assert table == (Rung("a", 128, 4.0, 0.5), Rung('b"', 96, 5.0, 0.25))
    assert Ladder(table).rungs == table[:1]
    lines = path.read_text().splitlines()
    assert "# A Processor" in lines
    assert [line.endswith("#") for line in lines if "height" in line and "=" in line] == [
        False,
        True,
    ]


def test_the_script_measures_and_writes_it(tmp_path: Path) -> None:
    model = str(write_model(tmp_path / "bright.ts", BRIGHT_AT_ITS_HEIGHT))
    data, path = write_tree(tmp_path / "data"), tmp_path / "ladder.toml"
    command = [sys.executable, str(SCRIPT), "--ladder", str(path), "--model", model]
    command += ["--input-height", "96", "--input-height", "160", "--photos", "2", "--frames", "2"]
    again = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)
    assert again.returncode == 2
    assert "needs --data" in again.stderr
    subprocess.run([*command, "--data", str(data)], capture_output=True, check=True, timeout=90)
    table = read_table(path)
    assert {(rung.model, rung.height) for rung in table} == {(model, 96), (model, 160)}
    for rung in table:
        assert rung.accuracy > 0.8  # the discs are bright
        assert 0 < rung.cost < 5000
