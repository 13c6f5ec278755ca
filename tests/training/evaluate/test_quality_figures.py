"""What scripts/file_quality.py measures, with a network that takes no time."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.model_files import BRIGHT_AT_ITS_HEIGHT, write_model
from support.training.data import write_tree

from bgblur.config.settings import Settings
from bgblur.training.data.split import load_half
from bgblur.training.evaluate import file_quality
from bgblur.training.evaluate.file_quality import accuracy_of, limited, rows_of, speed_of
from bgblur.training.evaluate.tables import table

# The left half of each person is missed.
LEFT_OUT = """
        plane = (image.float().mean(2) > 127).float()
        plane[:, : image.size(1) // 2] = 0
        width = int(input_height * image.size(1) / image.size(0))
        shaped = torch.nn.functional.interpolate(plane[None, None], size=[input_height, width])
        return shaped[0, 0]
"""


def settings(path: Path, body: str) -> Settings:
    model = write_model(path, body)
    return Settings.model_validate({"engine": {"model": str(model), "device": "cpu"}})


def test_accuracy_is_of_pictures_as_they_are(tmp_path: Path) -> None:
    sets = limited(load_half(write_tree(tmp_path / "data", 40), "tune").photos, 2)
    assert {len(members) for members in sets.values()} <= {1, 2}
    good = accuracy_of(settings(tmp_path / "a.ts", BRIGHT_AT_ITS_HEIGHT), "fast", sets)
    bad = accuracy_of(settings(tmp_path / "b.ts", LEFT_OUT), "fast", sets)
    assert good["iou"] > 0.9
    assert bad["iou"] < 0.7


def test_speed_is_measured_and_tabled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_quality, "_PHOTO", (320, 180))
    speed = speed_of(settings(tmp_path / "a.ts", BRIGHT_AT_ITS_HEIGHT), "fast", 3)
    assert speed.photo > 0
    assert len(speed.rates) == 2
    assert min(speed.rates) > 0
    rows = rows_of({"fast": {"iou": 0.5}}, {"fast": speed}, 7)
    assert rows["fast"]["pictures"] == 7
    heading, _, line = table("half", rows).splitlines()
    assert heading == "| half | pictures | IoU | s a photo | fps 640x360 | fps 1280x720 |"
    assert line.startswith("| fast | 7 | 0.5000 | ")
