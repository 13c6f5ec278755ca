from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from support.media.known_colors import middles, patches
from support.media.video_files import first_picture, probe

from bgblur.errors import OutputError
from bgblur.sinks.video import VideoSink


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a limit on file sizes")
@pytest.mark.parametrize("name", ["live.mp4", "live.mov", "live.mkv", "live.webm"])
@pytest.mark.parametrize("room", [0, 40, 4000, 300_000])
def test_a_recording_that_cannot_go_on_is_kept(tmp_path: Path, name: str, room: int) -> None:
    """In its own process, since FFmpeg has crashed on a disk that is full from the start."""
    record = f"""
import resource, sys
from pathlib import Path
import numpy as np
from bgblur.errors import OutputError
from bgblur.sinks.video import VideoSink
sink = VideoSink(Path({str(tmp_path / name)!r}), 64, 48, 30)
resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, resource.RLIM_INFINITY))
noise = np.random.default_rng(0).integers(0, 256, (500, 72, 64)).astype(np.uint8)
said = set()
for picture in noise:
    try:
        sink.publish(picture)
    except OutputError as error:
        said.add(str(error))
sink.close()
print(*said, sep="\\n")
"""
    done = subprocess.run(
        [sys.executable, "-c", record], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "cannot write" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    left = [path.name for path in tmp_path.iterdir()]
    assert left == ([name] if room else [])
    if room == 300_000:
        shown = 0
        with av.open(str(tmp_path / name)) as container, suppress(av.InvalidDataError):
            for _ in container.decode(video=0):
                shown += 1
        assert shown >= 50  # two seconds of it


@pytest.mark.parametrize("name", ["live.mp4", "live.mkv", "live.webm"])
def test_a_live_recording_plays_at_its_pace(tmp_path: Path, name: str) -> None:
    sink = VideoSink(tmp_path / name, 192, 128, 29.97)
    assert sink.pixel_format == "i420"
    moments = []
    for gap in (0.0, 0.05, 0.2, 0.05):
        time.sleep(gap)
        moments.append(time.monotonic())
        sink.publish(cv2.cvtColor(patches(), cv2.COLOR_BGR2YUV_I420).astype(np.uint8))
    sink.close()
    sink.close()
    probed = probe(tmp_path / name, "-count_frames")["streams"][0]
    assert probed["nb_read_frames"] == "4"
    with av.open(str(tmp_path / name)) as container:
        frames = list(container.decode(video=0))
    shown = [frame.time - frames[0].time for frame in frames]
    assert shown == pytest.approx([m - moments[0] for m in moments], abs=0.02)
    if not name.endswith("webm"):
        colors = middles(first_picture(tmp_path / name, 6, False)).astype(int)
        assert np.abs(colors - middles(patches())).max() <= 6
    with pytest.raises(OutputError, match="closed"):
        sink.publish(np.zeros((192, 192), np.uint8))


def test_pictures_published_at_once_are_all_kept(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "live.mp4", 64, 48, 30)
    for shade in range(20):
        sink.publish(np.full((72, 64), shade, np.uint8))
    sink.close()
    assert probe(tmp_path / "live.mp4", "-count_frames")["streams"][0]["nb_read_frames"] == "20"


def test_a_sink_without_pictures_leaves_no_file(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "live.mp4", 64, 48, 30)
    sink.close()
    assert list(tmp_path.iterdir()) == []
