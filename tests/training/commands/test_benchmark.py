from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import pytest
from support.model_files import BRIGHT_AT_ITS_HEIGHT, write_model
from support.training.data import write_tree

from bgblur.errors import UsageError
from bgblur.training.evaluate.sweep import Budget, Cell, cells, sweep
from bgblur.training.evaluate.sweep_plot import draw, table

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "benchmark.py"
QUICK = Budget(seconds=0.1, photos=2, frames=2)


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(write_model(tmp_path / "bright.ts", f"{BRIGHT_AT_ITS_HEIGHT}"))


def row(height: int, ms: float, iou: dict[str, float], isa: str = "native") -> dict[str, Any]:
    cell = {"model": "a", "device": "cpu", "precision": "auto", "isa": isa, "height": height}
    times = {"least": 0.9 * ms, "p50": ms, "p95": 1.5 * ms}
    return {
        "cell": cell,
        "precision": "fp32",
        "ms": times,
        "fps": 1000 / ms,
        "cpu_ms": ms,
        "iou": iou,
    }


def test_every_combination_once_and_only_native_on_a_gpu() -> None:
    found = cells(["a", "b"], ["cpu", "cuda"], ["auto"], ["native", "avx2"], [96, 160])
    assert len(found) == len(set(found)) == 2 * 2 * (2 + 1)
    assert not [cell for cell in found if cell.device == "cuda" and cell.isa == "avx2"]


def test_a_model_is_timed_and_evaluated(model: str, tmp_path: Path) -> None:
    data = write_tree(tmp_path / "data")
    wanted = [Cell(model, "cpu", "auto", "native", height) for height in (96, 160)]
    rows = list(sweep(wanted, data, QUICK))
    assert [row["cell"]["height"] for row in rows] == [96, 160]
    for one in rows:
        assert 0 < one["ms"]["least"] <= one["ms"]["p50"] <= one["ms"]["p95"]
        assert one["fps"] == pytest.approx(1000 / one["ms"]["p50"], rel=0.02)
        assert 0 < one["cpu_ms"] < 5000
        assert one["precision"] in ("fp32", "bf16")
        assert one["iou"]["photos"] > 0.9  # the discs are bright
        assert one["iou"]["clips"] > 0.9


def test_known_cells_are_not_measured_again(model: str) -> None:
    wanted = [Cell(model, "cpu", "fp32", "native", height) for height in (96, 160)]
    known = row(96, 5.0, {}) | {"cell": vars(wanted[0])}
    (new,) = sweep(wanted, None, QUICK, [known])
    assert new["cell"]["height"] == 160
    assert new["iou"] == {}  # no data: only speed


def test_an_older_processor_uses_full_precision(model: str) -> None:
    (found,) = sweep([Cell(model, "cpu", "auto", "avx2", 96)], None, QUICK)
    assert found["precision"] == "fp32"


def test_a_cell_that_cannot_be_measured_is_one_line() -> None:
    with pytest.raises(UsageError, match=r"no model file .*missing\.ts"):
        list(sweep([Cell("missing.ts", "cpu", "auto", "native", 96)], None, QUICK))


def test_the_table_leaves_out_missing_figures() -> None:
    lines = table([row(96, 10.0, {}), row(96, 40.0, {}, "avx2")]).splitlines()
    assert lines[0] == "| model | device | input height | ms (least..p95) | fps | CPU ms |"
    assert lines[2] == "| a | cpu fp32 | 96 | 10.0 (9.0..15.0) | 100.0 | 10.0 |"
    assert lines[3].startswith("| a | cpu fp32, avx2 at most | 96 | 40.0")
    judged = table([row(96, 10.0, {"photos": 0.9, "clips": 0.8})]).splitlines()
    assert judged[2].endswith("| 0.900 | 0.800 |")


@pytest.mark.parametrize("iou", [{}, {"photos": 0.9, "clips": 0.8}])
def test_the_picture_has_a_panel_per_kind(tmp_path: Path, iou: dict[str, float]) -> None:
    path = tmp_path / "sweep.png"
    draw([row(96, 10.0, iou), row(160, 30.0, iou), row(96, 40.0, iou, "avx2")], "here", path)
    picture = cv2.imread(str(path))
    assert picture is not None
    assert picture.shape[1] == 715 * max(1, len(iou))
    assert (picture.std(axis=2) > 30).sum() > 500  # coloured lines


def test_the_script_writes_table_figures_and_picture(model: str, tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--model", model, "--input-height", "96"]
    command += ["--device", "cpu", "--seconds", "0.1", "--out", str(tmp_path / "bench")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=90)
    assert "| 96 |" in done.stdout
    written = json.loads((tmp_path / "bench.json").read_text())
    assert written["machine"]["cores"] > 0
    assert len(written["rows"]) == 1
    assert (tmp_path / "bench.png").stat().st_size > 5000

    for text, says in (
        (json.dumps({**written, "machine": {}}), "figures of another machine"),
        ('{"rows": [', "was not written by this command, or is damaged"),
    ):
        (tmp_path / "bench.json").write_text(text)
        again = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
        assert again.returncode == 2
        assert says in again.stderr
        assert (tmp_path / "bench.json").read_text() == text
