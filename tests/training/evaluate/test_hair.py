from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.model_files import BRIGHT_AT_ITS_HEIGHT, write_model
from support.training.data import write_tree

from bgblur.errors import UsageError
from bgblur.training.commands.hair import hair


def test_each_way_of_enlarging_alpha_has_a_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_tree(tmp_path / "data", 40)
    model = str(write_model(tmp_path / "bright.ts", BRIGHT_AT_ITS_HEIGHT))
    json_file = tmp_path / "hair.json"
    hair(model, data, ["voc_person"], "tune", [32], 2, json_file)
    assert "| voc_person, guided filter | 2 |" in capsys.readouterr().out
    rows = json.loads(json_file.read_text("utf-8"))["32"]
    bilinear, guided = (rows[f"voc_person, {way}"] for way in ("bilinear", "guided filter"))
    assert guided["band_gradient"] < bilinear["band_gradient"]
    assert guided["band_mad"] < bilinear["band_mad"]


def test_an_unknown_set_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r'no set "nobody" in .*, only eg1800'):
        hair("unet-lite", write_tree(tmp_path / "data"), ["nobody"])
