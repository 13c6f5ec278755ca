"""Edits of the file while the daemon runs: what they change, and what they leave alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.live_daemon import daemon_of, edit

from bgblur.config.file import load
from bgblur.daemon.daemon import Daemon
from bgblur.errors import UsageError
from bgblur.frame import Frame
from bgblur.imaging.canvas import Canvas
from bgblur.imaging.geometry import Geometry
from bgblur.pipeline.capture import OpenSource


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


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
