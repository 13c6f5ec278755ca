"""A choice while the daemon runs ends an option of the command line, and changes nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.live_daemon import daemon_of

from bgblur.config.file import load, set_value
from bgblur.config.state import Choices
from bgblur.daemon.daemon import Daemon


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_a_choice_repeated_in_the_tray_ends_the_command_lines_option(path: Path) -> None:
    path.write_text("[background]\nstrength = 60\n", encoding="utf-8")
    set_value(path, "background.strength", 60)  # before the daemon: it does not count
    options = {"output.device": "web", "background.strength": 0, "camera.mirror": True}
    daemon = Daemon(load(path), path, options, lambda _: None)
    daemon.live.take_choices()
    assert daemon.status()["strength"] == 0
    before = path.read_bytes()
    set_value(path, "background.strength", 60)
    set_value(path, "background.mode", "blur")  # which writes it
    set_value(path, "background.mode", "blur")
    daemon.live.take_choices()
    assert daemon.status()["strength"] == 60
    assert not daemon.pipeline.look.raw
    assert daemon.status()["mirror"] is True, "options that nobody chose again stay"
    assert before in path.read_bytes()
    for _ in range(40):
        set_value(path, "background.strength", 60)
    set_value(path, "camera.mirror", False)
    set_value(path, "camera.mirror", False)
    daemon.live.take_choices()
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
    assert choices.new() == [], "a removed mark is not a choice"
    set_value(path, "camera.device", "0")
    set_value(path, "camera.device", "0")
    assert choices.new() == [], "nobody asked about that key"


PAUSED = '[camera]\ndevice = "2"\n[output]\npaused = true\n[background]\nmode = "none"\n'


@pytest.mark.parametrize("lose", [Path.unlink, lambda path: path.write_text("")])
def test_a_choice_while_the_file_is_lost_keeps_all_else(
    path: Path, lose: Callable[[Path], object]
) -> None:
    """The file was taken for the defaults: a pause ended, and camera 0 was opened."""
    daemon = daemon_of(path, PAUSED)
    lose(path)
    set_value(path.with_name("other.toml"), "background.strength", 5)  # of another daemon
    daemon.live._end_options("camera.mirror")
    assert daemon.live.now.camera.device == "2"
    daemon.live.change("background.strength", 30)
    now = daemon.live.now
    assert (now.camera.device, now.output.paused) == ("2", True)
    assert (now.background.mode, now.background.strength) == ("blur", 30)
    assert load(path).output.paused is True


def test_the_slider_ends_the_option_mode_none(path: Path) -> None:
    path.write_text("[background]\nstrength = 30\n", encoding="utf-8")
    daemon = Daemon(load(path), path, {"background.mode": "none"}, lambda _: None)
    assert daemon.pipeline.look.raw
    daemon.live.change("background.strength", 30)
    assert not daemon.pipeline.look.raw


def test_a_strength_set_elsewhere_to_its_default_ends_strength_0(path: Path) -> None:
    """The file's text changes and its settings do not: the option stayed, and the room with it."""
    path.write_text("[camera]\nmirror = true\n", encoding="utf-8")
    daemon = Daemon(load(path), path, {"background.strength": 0}, lambda _: None)
    assert daemon.pipeline.look.raw
    set_value(path, "background.strength", 60)
    daemon.live.take_choices()
    assert not daemon.pipeline.look.raw
