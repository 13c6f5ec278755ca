"""The background that the settings name: a picture, or a clip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.media.grey_clips import write_grey_clip
from support.scenes import portrait

from bgblur.compositing.clip import PlayingClip, SteppedClip
from bgblur.compositing.compositor import CpuCompositor
from bgblur.config.settings import Settings
from bgblur.errors import UsageError
from bgblur.pipeline.build import look_of


def settings(path: Path, **values: Any) -> Settings:
    background = {"mode": "image", "image": str(path), **values}
    return Settings.model_validate({"background": background})


def test_a_clip_plays_in_the_daemon_and_is_stepped_for_files(tmp_path: Path) -> None:
    path = write_grey_clip(tmp_path / "clip.mkv", [10, 200])
    for live, kind in ((True, PlayingClip), (False, SteppedClip)):
        look = look_of(settings(path), live)
        assert isinstance(look.clip, kind)
        assert look.picture is None
        look.close()


def test_a_picture_needs_no_clip_and_light_is_as_set(tmp_path: Path) -> None:
    path = tmp_path / "room.png"
    cv2.imwrite(str(path), portrait(64, 48))
    look = look_of(settings(path, light_wrap=0.75))
    assert look.clip is None
    assert look.light_wrap == 0.75
    look.close()
    assert look_of(settings(path)).light_wrap == Settings().background.light_wrap


def test_a_clip_is_opened_only_where_it_is_shown(tmp_path: Path) -> None:
    missing = tmp_path / "none.mp4"
    assert look_of(settings(missing, mode="blur")).clip is None
    with pytest.raises(UsageError, match=r"none\.mp4") as caught:
        look_of(settings(missing))
    assert "\n" not in str(caught.value)


def test_a_files_frames_get_the_background_of_their_time(tmp_path: Path) -> None:
    look = look_of(settings(write_grey_clip(tmp_path / "clip.mkv", [10, 80, 160])), live=False)
    compositor = CpuCompositor()
    frame, nobody = portrait(64, 48), np.zeros((48, 64), np.float32)
    shades = [int(compositor.compose(frame, nobody, look, n / 25)[0, 0, 0]) for n in range(7)]
    assert shades == [10, 80, 160, 10, 80, 160, 10]
