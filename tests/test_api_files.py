"""``blur_image`` and ``blur_video``: what they write, and what they never touch."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import bgblur
from bgblur.frame import Image

pytest_plugins = ["support.api_fixtures"]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_no_file_is_overwritten_unasked(files: Path) -> None:
    taken = {files / name: name.encode() for name in ("out.png", "out.mp4", "alpha.mkv")}
    for path, text in taken.items():
        path.write_bytes(text)
    calls: list[Any] = [
        lambda **more: bgblur.blur_image("portrait.png", "out.png", **more),
        lambda **more: bgblur.blur_video("clip.mp4", "out.mp4", **more),
        lambda **more: bgblur.blur_video("clip.mp4", "new.mp4", alpha="alpha.mkv", **more),
    ]
    for call in calls:
        with pytest.raises(bgblur.UsageError, match=r"exists already: .*overwrite=True"):
            call()
    assert {path: path.read_bytes() for path in taken} == taken
    assert not (files / "new.mp4").exists()
    for call in calls:
        call(overwrite=True)
    assert not any(path.read_bytes() == text for path, text in taken.items())


def test_an_input_is_never_overwritten(files: Path) -> None:
    before = {path: digest(path) for path in files.iterdir()}
    with pytest.raises(bgblur.UsageError, match="is the input picture"):
        bgblur.blur_image("portrait.png", files / "portrait.png", overwrite=True)
    with pytest.raises(bgblur.UsageError, match="three files"):
        bgblur.blur_video("clip.mp4", "clip.mp4", overwrite=True)
    assert {path: digest(path) for path in files.iterdir()} == before


def test_mistakes_with_files_are_one_line(files: Path, portrait: Image) -> None:
    with pytest.raises(bgblur.UsageError, match=r"gone\.png"):
        bgblur.blur_image("gone.png")
    with pytest.raises(bgblur.UsageError, match=r"NAME\.png"):
        bgblur.blur_image(portrait, "out.jpg")
    with pytest.raises(bgblur.OutputError, match="nowhere"):
        bgblur.blur_image(portrait, "nowhere/out.png")
    wrong: Any
    for wrong in (3, b"out.png"):
        with pytest.raises(bgblur.UsageError, match="a string or a path, not"):
            bgblur.blur_image(portrait, wrong)
        with pytest.raises(bgblur.UsageError, match="a string or a path, not"):
            bgblur.blur_video(wrong, "out.mp4")
    with pytest.raises(bgblur.UsageError, match=r"gone\.mp4"):
        bgblur.blur_video("gone.mp4", "out.mp4")


def test_the_api_and_the_commands_write_the_same_files(files: Path) -> None:
    bgblur.blur_image("portrait.png", "api.png", strength=80, blur="lens")
    bgblur.blur_image("portrait.png", "soft.png", strength=80)
    bgblur.blur_video("clip.mp4", "api.mp4", strength=80, blur="lens", alpha="api.mkv")
    for arguments in (
        ["image", "portrait.png", "--out-dir", "command"],
        ["video", "clip.mp4", "command.mp4", "--alpha", "command.mkv"],
    ):
        subprocess.run(
            [sys.executable, "-m", "bgblur", *arguments, "--strength", "80", "--blur", "lens"],
            check=True,
            capture_output=True,
        )
    assert digest(Path("api.png")) == digest(Path("command/portrait.png"))
    assert digest(Path("api.png")) != digest(Path("soft.png")), "another kind of blur"
    assert (pictures("api.mkv") == pictures("command.mkv")).all()
    # x264 does not give the same bits each time.
    assert np.abs(pictures("api.mp4") - pictures("command.mp4")).mean() < 1


def pictures(name: str) -> NDArray[np.float32]:
    clip = cv2.VideoCapture(name)
    found = []
    while (read := clip.read())[0]:
        found.append(read[1])
    assert len(found) == 5
    return np.asarray(found, np.float32)


def test_a_film_reports_progress_and_leaves_thread_counts(files: Path) -> None:
    import torch

    before = cv2.getNumThreads(), torch.get_num_threads()
    seen: list[tuple[int, int | None, float]] = []
    bgblur.blur_video("clip.mp4", "out.mp4", progress=lambda *made: seen.append(made))
    assert [done for done, _, _ in seen] == [1, 2, 3, 4, 5]
    assert all(rate > 0 for _, _, rate in seen)
    assert (cv2.getNumThreads(), torch.get_num_threads()) == before


def test_a_film_that_is_given_up_leaves_no_file(files: Path) -> None:
    def give_up(done: int, *_: Any) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bgblur.blur_video("clip.mp4", "out.mp4", alpha="alpha.mkv", progress=give_up)
    assert sorted(path.name for path in files.iterdir()) == ["clip.mp4", "portrait.png"]
