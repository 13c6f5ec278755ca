from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.media.grey_clips import write_grey_clip
from support.scenes import portrait

from bgblur.compositing.clip import PlayingClip, SteppedClip, is_picture, open_clip
from bgblur.errors import UsageError
from bgblur.frame import Image

SHADES = [20, 60, 100, 140, 180]
SIZE = (80, 40)


def shade(picture: Image | None) -> int | None:
    """The one shade of a flat picture."""
    if picture is None:
        return None
    assert np.ptp(picture) == 0
    return int(picture[0, 0, 0])


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_grey_clip(tmp_path / "grey.mkv", SHADES)


@pytest.fixture
def playing(path: Path) -> Iterator[PlayingClip]:
    clip = PlayingClip(path)
    yield clip
    clip.close()


# ---------------------------------------------------------------- with the frames' time


@pytest.mark.parametrize("rate", [10, 25, 30, 60])
def test_each_time_has_its_picture_over_and_over(path: Path, rate: int) -> None:
    clip = SteppedClip(path)
    for frame in range(3 * rate):
        seconds = frame / rate
        wanted = SHADES[int(seconds * 25 + 1e-4) % len(SHADES)]
        assert shade(clip.at(seconds, *SIZE)) == wanted, seconds


def test_an_earlier_time_starts_the_clip_again(path: Path) -> None:
    clip = SteppedClip(path)
    assert [shade(clip.at(t, *SIZE)) for t in (0.3, 0.04, 0.04, 0.0)] == [120 - 20, 60, 60, 20]


def test_one_picture_is_fitted_once_and_again_for_another_size(path: Path) -> None:
    clip = SteppedClip(path)
    first = clip.at(0.04, *SIZE)
    assert first.shape == (40, 80, 3)
    assert clip.at(0.05, *SIZE) is first
    assert clip.at(0.05, 33, 77).shape == (77, 33, 3)


def test_a_clip_lost_while_stepping_is_reported(path: Path) -> None:
    clip = SteppedClip(path)
    path.unlink()
    with pytest.raises(UsageError, match="there is no such file"):
        clip.at(10, *SIZE)


# ---------------------------------------------------------------- by itself


def test_plays_all_pictures_in_order_at_its_own_rate(playing: PlayingClip) -> None:
    read, played, seen = playing._player.read, list[int](), set[int | None]()

    def noted() -> Image:
        picture = read()
        played.append(SHADES.index(int(picture[0, 0, 0])))
        return picture

    playing._player.read = noted  # type: ignore[method-assign]
    began = time.monotonic()

    def three_rounds() -> bool:
        seen.add(shade(playing.at(0, *SIZE)))
        return len(played) > 3 * len(SHADES) and seen >= set(SHADES)

    wait_for(three_rounds)
    assert all((after - one) % len(SHADES) == 1 for one, after in pairwise(played))
    # 15 steps of 40 ms; the beginning may be caught up by 0.1 s.
    assert time.monotonic() - began > 0.45
    assert playing.problem is None


def test_size_is_that_of_the_newest_call(playing: PlayingClip) -> None:
    wait_for(lambda: playing.at(0, *SIZE) is not None)
    assert playing.at(0, 30, 70) is None
    wait_for(lambda: playing.at(0, 30, 70) is not None)


def test_at_never_waits_for_the_decoder(playing: PlayingClip) -> None:
    wait_for(lambda: playing.at(0, *SIZE) is not None)
    go_on, reading = threading.Event(), threading.Event()

    def hung() -> Image:
        reading.set()
        go_on.wait()
        return portrait(64, 48)

    playing._player.read = hung  # type: ignore[method-assign]
    assert reading.wait(60)
    last = playing.at(0, *SIZE)
    assert last is not None
    began = time.monotonic()
    assert all(playing.at(0, *SIZE) is last for _ in range(100))
    assert time.monotonic() - began < 30  # none waits for the reader
    go_on.set()


def test_a_lost_clip_stands_still_and_says_so_in_one_line(path: Path) -> None:
    clip = PlayingClip(path)
    wait_for(lambda: clip.at(0, *SIZE) is not None)
    path.unlink()
    wait_for(lambda: clip.problem is not None)
    assert clip.problem is not None
    assert clip.problem.startswith("the background stands still: ")
    assert path.name in clip.problem
    assert "\n" not in clip.problem
    assert shade(clip.at(0, *SIZE)) in SHADES
    clip.close()


def test_closing_ends_the_thread_and_is_no_problem(playing: PlayingClip) -> None:
    wait_for(lambda: playing.at(0, *SIZE) is not None)
    playing.close()
    assert not playing._thread.is_alive()
    assert playing.problem is None
    assert shade(playing.at(0, *SIZE)) in SHADES


def test_a_clip_that_was_never_shown_is_closed_too(path: Path) -> None:
    clip = PlayingClip(path)
    clip.close()
    assert not clip._thread.is_alive()


def test_nothing_is_decoded_while_no_picture_is_requested(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bgblur.compositing.clip._REST_AFTER", 0.2)
    clip = PlayingClip(path)
    wait_for(lambda: clip.at(0, *SIZE) is not None)

    def rests() -> bool:
        played = clip._player.played
        time.sleep(0.3)
        return clip._player.played == played

    wait_for(rests)
    resting = clip._player.played
    wait_for(lambda: clip.at(0, *SIZE) is not None and clip._player.played > resting + 2)
    clip.close()


# ---------------------------------------------------------------- what is a clip


def test_pictures_and_clips_are_told_apart_by_content(tmp_path: Path, path: Path) -> None:
    photo = tmp_path / "photo.mkv"
    photo.write_bytes(cv2.imencode(".jpg", portrait(32, 32))[1].tobytes())
    assert is_picture(photo)
    assert not is_picture(path)
    assert not is_picture(write_grey_clip(tmp_path / "moving.gif", [0, 255]))
    assert not is_picture(tmp_path / "none.png")


@pytest.mark.parametrize("live", [True, False])
def test_a_gif_moves(tmp_path: Path, live: bool) -> None:
    clip = open_clip(write_grey_clip(tmp_path / "moving.gif", [0, 255] * 3), live)
    seen: set[bool] = set()
    begin = time.monotonic()

    def both() -> bool:
        picture = clip.at(time.monotonic() - begin, *SIZE)
        if picture is not None:
            seen.add(bool(picture.mean() > 128))
        return len(seen) == 2

    wait_for(both)
    clip.close()


@pytest.mark.parametrize("live", [True, False])
def test_a_file_that_is_neither_is_one_line(tmp_path: Path, live: bool) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no picture\n" * 50)
    with pytest.raises(UsageError, match="neither a picture nor a clip") as caught:
        open_clip(text, live)
    assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match="there is no such file"):
        open_clip(tmp_path / "none.png", live)
