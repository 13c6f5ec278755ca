"""``--output OUT.mkv``: what was recorded is kept whatever happens, and losses are reported."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.media.video_files import frames_of
from support.pipeline_parts import SHARP, SquareEngine, SquareSource, backend_of

from bgblur.compositing.look import Look
from bgblur.errors import OutputError
from bgblur.frame import Image
from bgblur.pipeline import pipeline as pipeline_module
from bgblur.pipeline.pipeline import Pipeline
from bgblur.sinks.video import VideoSink


class SlowSink(VideoSink):
    """Like a slow disk, or one that fills up."""

    slow = 0.0
    full_after = 1_000_000
    taken = 0

    def publish(self, picture: Image) -> None:
        if self.taken >= self.full_after:
            raise OutputError("cannot write: No space left on device")
        self.taken += 1
        super().publish(picture)

    def close(self) -> None:
        time.sleep(self.slow)
        super().close()


def recording(path: Path, opened: list[SlowSink]) -> Pipeline:
    def open_sink(width: int, height: int, fps: float) -> SlowSink:
        opened.append(SlowSink(path, width, height, fps))
        return opened[-1]

    pipeline = Pipeline(
        SquareSource(), {"": open_sink}, lambda: backend_of(SquareEngine()), Look(), SHARP
    )
    pipeline.start()
    deadline = time.monotonic() + 30
    while not (opened and opened[0].taken > 5) and time.monotonic() < deadline:
        time.sleep(0.01)
    return pipeline


def test_however_long_it_takes_the_file_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_module, "FINISH_WITHIN", 0.2)
    monkeypatch.setattr(SlowSink, "slow", 2.0)
    opened: list[SlowSink] = []
    recording(tmp_path / "a.mp4", opened).stop()
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert frames_of(tmp_path / "a.mp4") == opened[0].taken


def test_a_recording_that_breaks_off_does_not_overwrite_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SlowSink, "full_after", 20)
    opened: list[SlowSink] = []
    pipeline = recording(tmp_path / "a.mkv", opened)
    deadline = time.monotonic() + 30
    while pipeline.fatal is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.6)  # time in which another output would be opened again
    pipeline.stop()
    assert isinstance(pipeline.fatal, OutputError)
    assert str(pipeline.fatal).endswith("No space left on device; what had been written is in it")
    assert len(opened) == 1
    assert frames_of(tmp_path / "a.mkv") == 20


def test_a_recording_that_breaks_off_at_its_last_picture_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[SlowSink] = []
    pipeline = recording(tmp_path / "a.mkv", opened)
    monkeypatch.setattr(opened[0], "full_after", opened[0].taken)
    pipeline.stop()
    assert isinstance(pipeline.fatal, OutputError)
    assert "No space left" in str(pipeline.fatal)
    assert frames_of(tmp_path / "a.mkv") >= 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a limit on file sizes")
def test_the_daemon_ends_with_its_recording_and_says_so(tmp_path: Path) -> None:
    import resource

    path = tmp_path / "live.mp4"
    options = ["--device", "demo", "--width", "320", "--height", "180", "--duration", "120"]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))

    done = subprocess.run(
        [sys.executable, "-m", "bgblur", *options, "--output", str(path)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
    )
    assert done.returncode == 4, done.stderr
    said = done.stderr.strip().splitlines()[-1]
    assert said.startswith(f"bgblur-cam: cannot write {path}: File too large; choose a folder")
    assert said.endswith("what had been written is in it")
    assert frames_of(path) >= 60
