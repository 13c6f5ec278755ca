"""A background's picture or clip while the file is edited: kept, read again, or reported."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.live_daemon import daemon_of, edit
from support.media.grey_clips import write_grey_clip

from bgblur.compositing.compositor import CpuCompositor
from bgblur.frame import Image
from bgblur.imaging.pictures import read_picture
from bgblur.pipeline import build


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


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
