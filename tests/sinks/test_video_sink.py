from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
from support.media.known_colors import middles, patches
from support.media.video_files import first_picture, frames_of, probe

from bgblur.errors import OutputError, UsageError
from bgblur.sinks import video
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
from bgblur.errors import OutputError, UsageError
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
        assert frames_of(tmp_path / name) >= 50  # two seconds of it


@pytest.mark.parametrize("name", ["live.mp4", "live.mkv", "live.webm"])
def test_a_live_recording_plays_at_its_pace(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = VideoSink(tmp_path / name, 192, 128, 29.97)
    assert sink.pixel_format == "i420"
    moments = [17.0, 17.05, 17.25, 17.3]
    for moment in moments:
        clock = SimpleNamespace(monotonic=lambda moment=moment: moment)
        monkeypatch.setattr(video, "time", clock)
        sink.publish(cv2.cvtColor(patches(), cv2.COLOR_BGR2YUV_I420).astype(np.uint8))
    sink.close()
    sink.close()
    probed = probe(tmp_path / name, "-count_frames")["streams"][0]
    assert probed["nb_read_frames"] == "4"
    with av.open(str(tmp_path / name)) as container:
        frames = list(container.decode(video=0))
    shown = [frame.time - frames[0].time for frame in frames]
    assert shown == pytest.approx([m - moments[0] for m in moments], abs=0.002)
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


def grey(sink: VideoSink, pictures: int) -> None:
    for shade in range(pictures):
        sink.publish(np.full((72, 64), shade, np.uint8))


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "webm"])
def test_each_part_of_a_recording_gets_a_name_of_its_own(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"talk.{ending}"
    remarks = []
    for pictures in (4, 5, 6):
        sink = VideoSink(path, 64, 48, 30, "number")
        remarks.append(sink.remark)
        grey(sink, pictures)
        sink.close()
    two, three = (f"talk-{number}.{ending}" for number in (2, 3))
    assert sink.name == f"video file {three}"
    said = f"{path.name} exists already and stays: this recording is "
    assert remarks == [None, said + two, said + three]
    parts = [
        int(probe(tmp_path / name, "-count_frames")["streams"][0]["nb_read_frames"])
        for name in (path.name, two, three)
    ]
    assert parts == [4, 5, 6]
    assert len(list(tmp_path.iterdir())) == 3


def test_two_recordings_at_a_time_do_not_meet(tmp_path: Path) -> None:
    """A second one begins while the first has no picture yet."""
    sinks = [VideoSink(tmp_path / "talk.mp4", 64, 48, 30, "number") for _ in range(2)]
    for count, sink in enumerate(sinks, start=3):
        grey(sink, count)
        sink.close()
    for name, frames in (("talk.mp4", "3"), ("talk-2.mp4", "4")):
        assert probe(tmp_path / name, "-count_frames")["streams"][0]["nb_read_frames"] == frames


def test_an_older_file_is_refused_or_replaced_by_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp4"
    path.write_text("older")
    with pytest.raises(UsageError, match=r"talk\.mp4 exists already: .*--overwrite"):
        VideoSink(path, 64, 48, 30)
    without_pictures = VideoSink(path, 64, 48, 30, "replace")
    without_pictures.close()
    assert path.read_text() == "older"
    sink = VideoSink(path, 64, 48, 30, "replace")
    grey(sink, 7)
    assert path.read_text() == "older"
    sink.close()
    assert probe(path, "-count_frames")["streams"][0]["nb_read_frames"] == "7"
    assert [entry.name for entry in tmp_path.iterdir()] == ["talk.mp4"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("name", ["talk.mp4", "talk.mkv", "talk.webm"])
def test_what_a_killed_process_has_recorded_can_be_played(tmp_path: Path, name: str) -> None:
    record = f"""
import os, signal
from pathlib import Path
import numpy as np
from bgblur.sinks.video import VideoSink
sink = VideoSink(Path({str(tmp_path / name)!r}), 320, 240, 30)
noise = np.random.default_rng(0).integers(0, 256, (200, 360, 320)).astype(np.uint8)
for picture in noise:
    sink.publish(picture)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", record], check=False)
    assert done.returncode == -signal.SIGKILL
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    assert frames_of(tmp_path / name) >= 60
