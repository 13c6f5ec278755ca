"""Empty rooms in little light, and false alarms of the guard, measured on a tiny data folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.model_files import BRIGHT_AT_ITS_HEIGHT, write_model
from support.training.data import write_tree

from bgblur.frame import Image
from bgblur.training.commands.dark_rooms import dark_rooms
from bgblur.training.commands.false_alarms import false_alarms
from bgblur.training.evaluate.dark_rooms import LIGHTS, in_light

ALL = f"{BRIGHT_AT_ITS_HEIGHT.rstrip()} * 0 + 1\n"  # everything is the person


def test_less_light_is_darker_and_noisier() -> None:
    grey: Image = np.full((200, 200, 3), 160, np.uint8)
    lit = [in_light(grey, light, 1) for light in LIGHTS]
    levels = [float(image.mean()) for image in lit]
    assert levels == sorted(levels, reverse=True)
    assert levels[:4] == pytest.approx([160 * light.gain for light in LIGHTS[:4]], abs=1)
    relative = [float(image.std() / image.mean()) for image in lit]
    assert relative == sorted(relative)
    np.testing.assert_array_equal(lit[2], in_light(grey, LIGHTS[2], 1))


def test_the_worst_room_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_tree(tmp_path / "data")
    bright = str(write_model(tmp_path / "bright.ts", BRIGHT_AT_ITS_HEIGHT))
    everything = str(write_model(tmp_path / "all.ts", ALL))
    json_file = tmp_path / "dark.json"
    dark_rooms([bright, everything], data, "report", [96], "cpu", 3, json_file)
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| 96")]
    assert rows[0].count("0.0000") == len(LIGHTS)
    assert rows[1].startswith("| 96 | 1.0000 | 1.0000 |")
    shares = json.loads(json_file.read_text("utf-8"))[everything]["96"]
    assert min(shares["day"] + shares["lamp"]) == 1.0
    assert max(shares["dark"]) == 0  # the test's rooms are dim: less light hides all


def test_refused_frames_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_tree(tmp_path / "data")
    bright = str(write_model(tmp_path / "bright.ts", BRIGHT_AT_ITS_HEIGHT))
    everything = str(write_model(tmp_path / "all.ts", ALL))
    said = []
    for model in (bright, everything):
        false_alarms(model, data, "report", 96, "cpu", 1)
        said.append(capsys.readouterr().out)
    assert "| composited | 1 | 4 | 0 | 0 |" in said[0]
    assert "| composited | 1 | 4 | 4 | 0 |" in said[1]
    assert "| eg1800 | 1 | 0 | 0.0000 |" in said[0]
