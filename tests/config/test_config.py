from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bgblur.config.file import parse
from bgblur.config.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[2]
REFERENCE = REPOSITORY / "configs" / "config.toml"

Good = tuple[str, Any, Any]

GOOD: list[Good] = [
    ("camera.device", 0, "0"),
    ("camera.device", "/dev/video0", "/dev/video0"),
    ("camera.device", "demo", "demo"),
    ("camera.width", 16, 16),
    ("camera.width", 641, 641),
    ("camera.height", 7680, 7680),
    ("camera.fps", 30, 30.0),
    ("camera.fps", 29.97, 29.97),
    ("camera.fourcc", "AUTO", "auto"),
    ("camera.fourcc", "mjpg", "MJPG"),
    ("camera.fourcc", "NV12", "NV12"),
    ("camera.rotate", 270, 270),
    ("camera.flip", "vertical", "vertical"),
    ("camera.zoom", 4, 4.0),
    ("camera.center", [0, 1], [0.0, 1.0]),
    ("camera.follow", True, True),
    ("camera.controls", {"gain": 20}, {"gain": 20}),
    ("camera.controls", {"gain": "-20", "auto": "false"}, {"gain": -20, "auto": False}),
    ("camera.controls", {"power_line_frequency": "50 Hz"}, {"power_line_frequency": "50 Hz"}),
    ("output.devices", [], []),
    ("output.devices", "web, talk.mp4", ["web", "talk.mp4"]),
    ("output.devices", '["web", "a, b.mp4"]', ["web", "a, b.mp4"]),
    ("output.devices", "[a].mp4,web", ["[a].mp4", "web"]),
    ("output.devices", ["/dev/video10", "pipewire", "web"], ["/dev/video10", "pipewire", "web"]),
    ("output.devices", ["auto", "web", "talk.mp4"], ["auto", "web", "talk.mp4"]),
    ("output.width", "auto", "auto"),
    ("output.width", 1280, 1280),
    ("output.height", 16, 16),
    ("output.fit", "cover", "cover"),
    ("output.bars", "#A0b1C2", "#A0b1C2"),
    ("background.mode", "none", "none"),
    ("background.strength", 0, 0),
    ("background.strength", 100, 100),
    ("background.color", "#A0b1C2", "#A0b1C2"),
    ("mask.smoothing", 0, 0.0),
    ("mask.feather", 1, 1.0),
    ("engine.device", "cuda:1", "cuda:1"),
    ("engine.input_height", 96, 96),
    ("engine.input_height", 1024, 1024),
    ("engine.input_height", "auto", "auto"),
]

BAD: list[tuple[str, Any]] = [
    ("camera.device", True),
    ("camera.device", ""),
    ("camera.device", -1),
    ("camera.width", 15),
    ("camera.width", 7681),
    ("camera.width", 640.0),
    ("camera.height", True),
    ("camera.fps", 0.5),
    ("camera.fps", 1001),
    ("camera.fps", float("nan")),
    ("camera.fourcc", "MJPEG"),
    ("camera.fourcc", "M.PG"),
    ("camera.mirror", 1),
    ("output.device", ""),
    ("output.devices", 3),
    ("output.devices", ["web", "web"]),
    ("output.devices", ["a.mp4", "./a.mp4"]),
    ("output.devices", ["auto", "pipewire"]),
    ("output.devices", ["/dev/video10", "auto"]),
    ("camera.controls", 20),
    ("camera.rotate", 45),
    ("camera.rotate", 90.0),
    ("camera.rotate", False),
    ("camera.flip", "both"),
    ("camera.zoom", 0.9),
    ("camera.zoom", 4.1),
    ("camera.center", 0.5),
    ("camera.center", [0.5]),
    ("camera.center", [0.5, 0.5, 0.5]),
    ("camera.center", [0.5, 1.01]),
    ("camera.center", [True, 0.5]),
    ("camera.center", [float("nan"), 0.5]),
    ("camera.center", ["0.5", "0.5"]),
    ("camera.center", "0.5; 0.5"),
    ("output.width", 641),
    ("output.width", 14),
    ("output.height", 7682),
    ("output.height", 720.0),
    ("output.height", True),
    ("output.fit", "stretch"),
    ("output.bars", "black"),
    ("background.mode", "Blur"),
    ("background.strength", -1),
    ("background.strength", 101),
    ("background.strength", 60.0),
    ("background.strength", "60"),
    ("background.color", "00b140"),
    ("background.color", "#00b14"),
    ("background.color", "#00b140\n"),
    ("background.image", 3),
    ("mask.smoothing", 1.01),
    ("mask.feather", -0.1),
    ("mask.refine_edges", "yes"),
    ("engine.device", "gpu"),
    ("engine.device", "cuda:"),
    ("engine.precision", "int4"),
    ("engine.model", ""),
    ("engine.input_height", 64),
    ("engine.input_height", 100),
    ("engine.input_height", 1056),
    ("engine.input_height", True),
    ("engine.input_height", 384.0),
]


def nested(key: str, value: Any) -> dict[str, dict[str, Any]]:
    area, name = key.split(".")
    return {area: {name: value}}


def get(settings: Settings, key: str) -> Any:
    area, name = key.split(".")
    return getattr(getattr(settings, area), name)


@pytest.mark.parametrize(("key", "value", "meant"), GOOD)
def test_good_values(key: str, value: Any, meant: Any) -> None:
    got = get(Settings.model_validate(nested(key, value), strict=True), key)
    assert got == meant
    assert type(got) is type(meant)


@pytest.mark.parametrize(("key", "value"), BAD)
def test_bad_values_are_refused_at_their_key(key: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(nested(key, value), strict=True)
    assert [error["loc"] for error in caught.value.errors()] == [tuple(key.split("."))]


def test_image_mode_needs_a_picture() -> None:
    with pytest.raises(ValidationError, match=r"background\.image is empty"):
        Settings.model_validate({"background": {"mode": "image"}})
    background = {"mode": "image", "image": "room.jpg"}
    assert Settings.model_validate({"background": background}).background.image == "room.jpg"


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().background.strength = 0


def test_reference_file_holds_every_key_with_its_default() -> None:
    text = REFERENCE.read_text()
    assert tomllib.loads(text) == Settings().model_dump()
    assert parse(text, "config.toml") == Settings()


def test_reference_file_explains_every_key_on_its_line() -> None:
    entries = [line for line in REFERENCE.read_text().splitlines() if re.match(r"\w+ =", line)]
    assert len(entries) == sum(len(area) for area in Settings().model_dump().values())
    assert all(re.search(r"\s# \S.{10,}", entry) for entry in entries)


@pytest.mark.parametrize("module", ["bgblur.config.settings", "bgblur.config.file"])
def test_importing_is_light(module: str) -> None:
    heavy = "{'watchfiles', 'torch', 'cv2', 'numpy'}"
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
