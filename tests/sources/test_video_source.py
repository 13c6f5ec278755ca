from __future__ import annotations

import itertools
import threading
import time
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.hand_clock import Clock
from support.media.known_colors import corners
from support.media.unreadable_clips import UNREADABLE, unreadable
from support.media.written_clips import gray_steps, write_clip

from bgblur.errors import CameraError
from bgblur.media import player
from bgblur.sources.video import VideoSource


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Of the clip's player, whose waits are noted, not waited for."""
    clock = Clock()

    class Noted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            clock.sleep(timeout or 0.0)
            return self.is_set()

    monkeypatch.setattr(player, "time", clock)
    monkeypatch.setattr(player, "threading", SimpleNamespace(Lock=threading.Lock, Event=Noted))
    return clock


def test_a_source_keeps_the_clips_pace_and_starts_over(tmp_path: Path, clock: Clock) -> None:
    source = VideoSource(gray_steps(tmp_path / "a.mp4", 10))
    assert (source.width, source.height, source.fps) == (64, 48, 25.0)
    began = clock.now
    frames = [source.read() for _ in range(25)]
    source.close()
    assert clock.now - began == pytest.approx(1)  # 25 frames at 25 fps
    assert [frame.index for frame in frames] == list(range(25))
    shades = [round((float(frame.image.mean()) - 20) / 20) for frame in frames]
    assert shades == [index % 10 for index in range(25)]
    assert all(a.captured < b.captured for a, b in itertools.pairwise(frames))


def test_a_slow_reader_gets_no_burst(tmp_path: Path, clock: Clock) -> None:
    source = VideoSource(gray_steps(tmp_path / "a.mp4", 10))
    source.read()
    clock.now += 0.6
    began = clock.now
    for _ in range(10):
        source.read()
    assert clock.now - began > 0.2  # not all fifteen missed frames at once
    source.close()


def test_closing_wakes_a_reader_and_may_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(player, "_LONGEST_WAIT", 60.0)
    slow = write_clip(
        tmp_path / "a.mkv", [corners()] * 3, pts=[0, 90_000, 180_000], time_base=Fraction(1, 1000)
    )
    source = VideoSource(slow)
    source.read()
    raised: list[str] = []

    def read_on() -> None:
        try:
            while True:
                source.read()
        except CameraError as error:
            raised.append(str(error))

    reader = threading.Thread(target=read_on)
    reader.start()
    time.sleep(0.1)
    source.close()
    reader.join(30)
    assert not reader.is_alive()
    assert raised == ["the video a.mkv was closed"]
    source.close()
    with pytest.raises(CameraError):
        source.read()


def test_a_clip_that_vanishes_is_a_lost_camera(tmp_path: Path) -> None:
    path = gray_steps(tmp_path / "a.mp4", 3)
    source = VideoSource(path)
    for _ in range(3):
        source.read()
    path.unlink()
    with pytest.raises(CameraError, match="no such file"):
        source.read()


@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_file_that_cannot_be_played_is_no_camera(tmp_path: Path, kind: str) -> None:
    path, reason = unreadable(tmp_path)[kind]
    with pytest.raises(CameraError, match=reason):
        VideoSource(path)
