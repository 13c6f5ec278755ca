"""Edits of the file while the daemon runs: what they change, and what they leave alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.media.grey_clips import write_grey_clip

from bgblur.compositing.compositor import CpuCompositor
from bgblur.config.file import load, set_value
from bgblur.config.state import Choices
from bgblur.daemon.daemon import Daemon
from bgblur.errors import UsageError
from bgblur.frame import Frame, Image
from bgblur.imaging.canvas import Canvas
from bgblur.imaging.geometry import Geometry
from bgblur.imaging.pictures import read_picture
from bgblur.pipeline import build
from bgblur.pipeline.capture import OpenSource


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def daemon_of(path: Path, text: str) -> Daemon:
    path.write_text(text, encoding="utf-8")
    return Daemon(load(path), path, {"output.device": "web"}, lambda _: None)


def edit(daemon: Daemon, path: Path, text: str) -> str:
    """Write the file and apply it. Returns the problem that the daemon reports, or ""."""
    path.write_text(text, encoding="utf-8")
    daemon.live.edited(load(path))
    return daemon.live.problem or ""


MISSING = '[background]\nmode = "image"\nimage = "missing.png"\n'


def test_a_pause_counts_though_the_background_cannot_be_read(path: Path) -> None:
    daemon = daemon_of(path, '[background]\nmode = "none"\n')
    assert daemon.status()["mode"] == "none"
    assert "missing.png" in edit(daemon, path, MISSING)
    assert not daemon.pipeline.look.raw, "a user who wants a picture does not want the room"
    assert daemon.status()["mode"] == "blur"
    said = edit(daemon, path, MISSING + "[output]\npaused = true\n[mask]\nfeather = 0.5\n")
    assert "missing.png" in said
    assert daemon.status()["paused"] is True
    assert daemon.pipeline._in_force.rest == "paused"
    assert daemon.pipeline.mask.feather == 0.5


def test_what_a_pause_shows_is_in_force_when_it_begins(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = daemon_of(path, "")
    shown: list[str] = []
    pipeline = daemon.pipeline
    monkeypatch.setattr(pipeline, "rest", lambda _: shown.append(pipeline.pause_shows))
    assert not edit(daemon, path, '[output]\npaused = true\npause_shows = "blurred"\n')
    assert shown == ["blurred"]
    assert daemon.status()["pause_shows"] == "blurred"
    assert not edit(daemon, path, "[output]\npaused = true\n")
    assert pipeline.pause_shows == "card"
    with pytest.raises(UsageError, match="card"):
        edit(daemon, path, '[output]\npause_shows = "frozen"\n')


def test_the_kind_of_blur_is_taken_over(path: Path) -> None:
    daemon = daemon_of(path, "")
    assert not edit(daemon, path, '[background]\nblur = "lens"\nstrength = 40\n')
    assert (daemon.pipeline.look.blur, daemon.pipeline.look.strength) == ("lens", 40)
    assert daemon.status()["blur"] == "lens"
    with pytest.raises(UsageError, match="gaussian"):
        edit(daemon, path, '[background]\nblur = "disc"\n')
    assert daemon.pipeline.look.blur == "lens"


BLUR, RAW = '[background]\nmode = "blur"\n', '[background]\nmode = "none"\n'
HERE, THERE = '[output]\ndevice = "web"\n', '[output]\ndevice = "/dev/video10"\n'


@pytest.mark.parametrize(("before", "after"), [(BLUR, RAW), (RAW, BLUR)])
def test_no_output_gets_a_raw_picture_that_was_meant_for_another(
    path: Path, before: str, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = daemon_of(path, before + HERE)
    raw: list[bool] = []
    monkeypatch.setattr(
        daemon.pipeline, "replace_sinks", lambda _: raw.append(daemon.pipeline.look.raw)
    )
    assert not edit(daemon, path, after + THERE)
    assert raw == [False], "the look is blurred while the output changes"
    assert daemon.pipeline.look.raw is (after == RAW)


@pytest.mark.parametrize(("before", "after"), [(BLUR, RAW), (RAW, BLUR)])
def test_a_pause_begins_before_and_ends_after_the_picture_is_raw(
    path: Path, before: str, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused = {RAW: "[output]\npaused = true\n", BLUR: "[output]\npaused = false\n"}
    daemon = daemon_of(path, before + paused[before])
    raw: list[bool] = []
    monkeypatch.setattr(daemon.pipeline, "rest", lambda _: raw.append(daemon.pipeline.look.raw))
    assert not edit(daemon, path, after + paused[after])
    assert raw == [False]
    assert daemon.pipeline.look.raw is (after == RAW)


@pytest.mark.parametrize(("before", "after"), [(BLUR, RAW), (RAW, BLUR)])
def test_no_camera_is_seen_raw_by_a_choice_meant_for_another(
    path: Path, before: str, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = daemon_of(path, before + '[camera]\ndevice = "0"\n')
    in_force = daemon.pipeline._in_force
    old, raw = in_force.order, []
    replace = daemon.pipeline.replace_source

    def replaced(opener: OpenSource) -> None:
        raw.append(daemon.pipeline.look.raw)
        replace(opener)

    monkeypatch.setattr(daemon.pipeline, "replace_source", replaced)
    assert not edit(daemon, path, after + '[camera]\ndevice = "1"\n')
    assert raw == [False], "the look is blurred while the camera changes"
    assert daemon.pipeline.look.raw is (after == RAW)
    assert not in_force.knows(Frame(np.zeros((2, 2, 3), np.uint8), 1, order=old))


def test_each_change_of_the_output_is_reported(path: Path) -> None:
    said: list[str] = []
    path.write_text('[output]\ndevice = "web"\n', encoding="utf-8")
    daemon = Daemon(load(path), path, {}, said.append)
    opener = daemon._sink_opener("web")
    opener(320, 180, 30.0).close()
    assert not said, "nothing before the first report"
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
    assert len(said) == 3, "an unchanged output is not reported"


def test_a_background_that_cannot_be_read_keeps_the_old_look_until_it_can(path: Path) -> None:
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


def in_mode_image(file: Path, rest: str = "") -> str:
    return f'[background]\nmode = "image"\nimage = "{file}"\n{rest}'


EDITS = [
    "strength = 61\n",
    "light_wrap = 0.9\n",
    'color = "#123456"\n',
    "[camera]\nmirror = true\n",
]


@pytest.mark.parametrize("rest", EDITS)
def test_an_edit_of_other_keys_leaves_a_playing_clip_alone(path: Path, rest: str) -> None:
    """Each edit closed the clip and opened it again: until its first picture came, the room was
    blurred in its place, which people saw as a flash."""
    clip = write_grey_clip(path.parent / "clip.mkv", [200])
    daemon = daemon_of(path, in_mode_image(clip))
    compositor = CpuCompositor()
    room, nobody = np.zeros((48, 64, 3), np.uint8), np.zeros((48, 64), np.float32)

    def shown() -> int:
        return int(compositor.compose(room, nobody, daemon.pipeline.look)[0, 0, 0])

    deadline = time.monotonic() + 20
    while shown() == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert shown() == pytest.approx(200, abs=2)
    before = daemon.pipeline.look
    assert edit(daemon, path, in_mode_image(clip, rest)) == ""
    assert daemon.pipeline.look is not before, "the edit itself is in force"
    assert shown() == pytest.approx(200, abs=2), "not one frame of the room"
    assert daemon.pipeline.look.clip is before.clip
    assert edit(daemon, path, "[background]\nstrength = 70\n") == ""
    assert shown() == 0
    assert before.clip is not None
    assert edit(daemon, path, in_mode_image(clip)) == ""
    assert daemon.pipeline.look.clip is not before.clip, "the former was closed"
    daemon.pipeline.look.close()


@pytest.mark.parametrize("rest", EDITS)
def test_an_edit_of_other_keys_does_not_read_the_picture_again(
    path: Path, rest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = path.parent / "room.png"
    cv2.imwrite(str(picture), np.full((90, 160, 3), 30, np.uint8))
    reads: list[Path] = []

    def counted(file: Path) -> Image:
        reads.append(file)
        return read_picture(file)

    monkeypatch.setattr(build, "read_picture", counted)
    daemon = daemon_of(path, in_mode_image(picture))
    assert edit(daemon, path, in_mode_image(picture, rest)) == ""
    assert len(reads) == 1
    cv2.imwrite(str(picture), np.full((80, 150, 3), 99, np.uint8))
    assert edit(daemon, path, in_mode_image(picture)) == ""
    assert len(reads) == 2, "another picture of the same name is read"
    assert daemon.pipeline.look.picture is not None
    assert daemon.pipeline.look.picture[0, 0, 0] == 99


def test_a_clip_that_stands_still_is_opened_again_by_an_edit(path: Path) -> None:
    clip = write_grey_clip(path.parent / "clip.mkv", [200])
    daemon = daemon_of(path, in_mode_image(clip))
    broken = daemon.pipeline.look.clip
    assert broken is not None
    broken.problem = "the background stands still: it broke"
    assert edit(daemon, path, in_mode_image(clip, "strength = 61\n")) == ""
    assert daemon.pipeline.look.clip is not broken
    daemon.pipeline.look.close()


def test_a_background_that_was_removed_is_reported_and_stays_shown(path: Path) -> None:
    picture = path.parent / "room.png"
    cv2.imwrite(str(picture), np.full((90, 160, 3), 30, np.uint8))
    daemon = daemon_of(path, in_mode_image(picture))
    before = daemon.pipeline.look
    picture.unlink()
    assert "room.png" in edit(daemon, path, in_mode_image(picture, "strength = 61\n"))
    assert daemon.pipeline.look is before


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


def test_the_outputs_size_and_bars_follow_an_edit(path: Path) -> None:
    daemon = daemon_of(path, '[output]\nwidth = 1280\nheight = 720\nbars = "#102030"\n')
    assert daemon.pipeline.canvas == Canvas(1280, 720, "contain", (0x30, 0x20, 0x10))
    assert not edit(daemon, path, '[output]\nheight = 720\nfit = "cover"\n')
    assert daemon.pipeline.canvas == Canvas(None, 720, "cover")


def test_turning_and_zooming_leaves_the_camera_open(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = daemon_of(path, "[camera]\nrotate = 90\n")
    assert daemon.pipeline.geometry == Geometry(90)
    replaced: list[OpenSource] = []
    monkeypatch.setattr(daemon.pipeline, "replace_source", replaced.append)
    for key, text in (
        ("rotate", "180"),
        ("flip", "vertical"),
        ("zoom", "2"),
        ("center", "0.2, 0.9"),
    ):
        daemon.live.change(f"camera.{key}", text)
    assert daemon.pipeline.geometry == Geometry(180, "vertical", 2.0, (0.2, 0.9))
    daemon.live.change("camera.center", [0, 1])
    center: object = daemon.pipeline.geometry.center
    assert center == (0, 1)
    daemon.live.change("camera.follow", True)
    assert daemon.pipeline.follow
    assert not replaced
    daemon.live.change("camera.fps", "25")
    assert len(replaced) == 1


def test_the_cameras_controls_are_set_without_opening_it_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = daemon_of(path, "")
    reopened: list[OpenSource] = []
    monkeypatch.setattr(daemon.pipeline, "replace_source", reopened.append)
    assert not edit(daemon, path, "[camera.controls]\ngain = 20\n")
    assert daemon.live.controls.wanted == {"gain": 20}
    assert not edit(daemon, path, '[camera]\ndevice = "demo"\ncontrols = { gain = 20 }\n')
    (open_source,) = reopened
    open_source().close()
    problem = "camera.controls has no effect: demo picture has no controls"
    assert daemon.status()["problem"] == problem
    assert not edit(daemon, path, '[camera]\ndevice = "demo"\n')
    assert daemon.status()["problem"] is None
    assert len(reopened) == 1
