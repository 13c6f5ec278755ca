"""Edits of the file while the daemon runs, and what they must not take with them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from bgblur.config.file import load, set_value
from bgblur.config.state import Choices
from bgblur.daemon.daemon import Daemon


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def daemon_of(path: Path, text: str) -> Daemon:
    path.write_text(text, encoding="utf-8")
    return Daemon(load(path), path, {"output.device": "web"}, lambda _: None)


def edit(daemon: Daemon, path: Path, text: str) -> str:
    """What the daemon has to say about it."""
    path.write_text(text, encoding="utf-8")
    daemon._changed(load(path))
    return daemon._config_problem or ""


MISSING = '[background]\nmode = "image"\nimage = "missing.png"\n'


def test_a_pause_counts_though_the_background_cannot_be_had(path: Path) -> None:
    daemon = daemon_of(path, '[background]\nmode = "none"\n')
    assert daemon.status()["mode"] == "none"
    assert "missing.png" in edit(daemon, path, MISSING)
    assert not daemon.pipeline.look.raw, "who wants a picture there does not want the room"
    assert daemon.status()["mode"] == "blur"
    said = edit(daemon, path, MISSING + "[output]\npaused = true\n[mask]\nfeather = 0.5\n")
    assert "missing.png" in said
    assert daemon.status()["paused"] is True
    assert daemon.pipeline._in_force.rest == "paused"
    assert daemon.pipeline.mask.feather == 0.5


def test_where_the_pictures_go_is_said_whenever_it_changes(path: Path) -> None:
    said: list[str] = []
    path.write_text('[output]\ndevice = "web"\n', encoding="utf-8")
    daemon = Daemon(load(path), path, {}, said.append)
    opener = daemon._sink_opener("web")
    opener(320, 180, 30.0).close()
    assert not said, "nothing before all of it is said"
    daemon._announce()
    said.clear()
    first = opener(320, 180, 30.0)
    second = opener(320, 180, 30.0)  # as where the first fails: another port
    first.close()
    second.close()
    assert said == [f"output: {first.name}", f"output: {second.name}"]
    assert "http://127.0.0.1:" in first.name
    (path.parent / "clips").mkdir()
    to_file = daemon._sink_opener(str(path.parent / "clips" / "a.mp4"))
    for _ in range(2):
        to_file(320, 180, 30.0).close()
    assert len(said) == 3, "an output that is where it was is no news"


def test_the_look_before_stays_and_the_wanted_one_is_tried_again(path: Path) -> None:
    daemon = daemon_of(path, "[background]\nstrength = 33\n")
    before = daemon.pipeline.look
    assert "missing.png" in edit(daemon, path, MISSING)
    assert daemon.pipeline.look is before
    assert daemon.status()["strength"] == 33
    cv2.imwrite(str(path.parent / "there.png"), np.zeros((90, 160, 3), np.uint8))
    wanted = MISSING.replace("missing.png", str(path.parent / "there.png"))
    assert edit(daemon, path, wanted) == ""
    assert daemon.status()["mode"] == "image"
    assert daemon.pipeline.look is not before


def test_what_is_chosen_again_in_the_tray_beats_the_command_line(path: Path) -> None:
    path.write_text("[background]\nstrength = 60\n", encoding="utf-8")
    set_value(path, "background.strength", 60)  # before: it is no answer to what is shown now
    options = {"output.device": "web", "background.strength": 0, "camera.mirror": True}
    daemon = Daemon(load(path), path, options, lambda _: None)
    daemon._take_choices()
    assert daemon.status()["strength"] == 0
    before = path.read_bytes()
    set_value(path, "background.strength", 60)
    set_value(path, "background.mode", "blur")  # which writes it
    set_value(path, "background.mode", "blur")
    daemon._take_choices()
    assert daemon.status()["strength"] == 60
    assert not daemon.pipeline.look.raw
    assert daemon.status()["mirror"] is True, "what nobody chose stays"
    assert before in path.read_bytes()
    for _ in range(40):
        set_value(path, "background.strength", 60)
    set_value(path, "camera.mirror", False)
    set_value(path, "camera.mirror", False)
    daemon._take_choices()
    assert daemon.status()["mirror"] is False


def test_choices_count_though_their_marks_were_removed(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    path.write_text("[background]\nstrength = 60\n", encoding="utf-8")
    for _ in range(3):
        set_value(path, "background.strength", 60)
    choices = Choices(path, ["background.strength", "camera.mirror"])
    (mark,) = (tmp_path / "state").glob("*/config-*.chosen")
    mark.unlink()
    set_value(path, "background.strength", 60)
    assert choices.new() == ["background.strength"]
    assert choices.new() == []
    mark.unlink()
    assert choices.new() == [], "a mark that goes is no choice"
    set_value(path, "camera.device", "0")
    set_value(path, "camera.device", "0")
    assert choices.new() == [], "nobody asked about that key"
