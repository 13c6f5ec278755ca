"""Sound, subtitles, chapters and tags, made by ffmpeg and checked by ffprobe."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from bgblur.frame import Alpha, Image
from bgblur.offline.video import VideoJob, VideoReport, blur_video

pytestmark = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="needs ffmpeg"
)

SUBTITLES = """1
00:00:00,200 --> 00:00:00,800
Hello

2
00:00:01,000 --> 00:00:01,600
there
"""
TOGETHER = """
3
00:00:01,000 --> 00:00:01,800
says the sign
"""
TAGS = """;FFMETADATA1
title=A talk
artist=Somebody
location=+48.1+11.5/
[CHAPTER]
TIMEBASE=1/1000
START=0
END=1000
title=Opening
[CHAPTER]
TIMEBASE=1/1000
START=1000
END=2000
title=The rest
"""


def ffmpeg(*arguments: str | Path) -> None:
    """Run ffmpeg; strings are split at spaces, paths are not."""
    words = [
        word
        for argument in arguments
        for word in ([str(argument)] if isinstance(argument, Path) else argument.split())
    ]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *words], check=True)


def bare(path: Path, more: str = "") -> Path:
    ffmpeg(
        "-f lavfi -i testsrc2=s=64x48:d=2:r=25 -f lavfi -i sine=d=2 -c:v libx264 -c:a aac",
        more,
        path,
    )
    return path


def rich(folder: Path, ending: str) -> Path:
    # Subtitles in an .mp4 track cannot overlap.
    (folder / "s.srt").write_text(SUBTITLES + (TOGETHER if ending == "mkv" else ""))
    (folder / "t.txt").write_text(TAGS)
    path = folder / f"in.{ending}"
    ffmpeg(
        *("-i", bare(folder / "bare.mp4"), "-i", folder / "s.srt", "-i", folder / "t.txt"),
        "-map 0 -map 1 -map_metadata 2 -map_chapters 2 -metadata:s:a:0 language=deu -c copy -c:s",
        "srt" if ending == "mkv" else "mov_text",
        path,
    )
    return path


def as_it_is(source: Path, target: Path) -> VideoReport:
    def compose(picture: Image, _: float) -> tuple[Image, Alpha]:
        return picture, np.ones(picture.shape[:2], np.float32)

    return blur_video(VideoJob(source, target), lambda picture: picture, compose)


def probed(path: Path) -> Any:
    call = ["ffprobe", "-v", "error", "-show_streams", "-show_format", "-show_chapters"]
    done = subprocess.run(
        [*call, "-of", "json", str(path)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return json.loads(done.stdout)


def language(said: Any) -> str:
    sound = next(stream for stream in said["streams"] if stream["codec_type"] == "audio")
    return str(sound["tags"]["language"])


def packets(path: Path, kind: str) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as container:
        streams = [stream for stream in container.streams if stream.type == kind]
        return [
            (round(float(packet.pts * packet.time_base), 3), bytes(packet))
            for packet in container.demux(*streams)
            if packet.size and packet.pts is not None
        ]


@pytest.mark.parametrize(("old", "new"), [("mkv", "mkv"), ("mp4", "mp4"), ("mov", "mp4")])
def test_subtitles_chapters_and_tags_are_kept(tmp_path: Path, old: str, new: str) -> None:
    source, target = rich(tmp_path, old), tmp_path / f"out.{new}"
    assert as_it_is(source, target).warnings == []
    said = probed(target)
    kinds = [stream["codec_type"] for stream in said["streams"]]
    assert [kinds.count(kind) for kind in ("video", "audio", "subtitle")] == [1, 1, 1]
    assert language(said) == ("und" if old == "mov" else "deu")  # ffmpeg writes none into a .mov
    chapters = [(c["tags"]["title"], float(c["start_time"])) for c in said["chapters"]]
    assert chapters == [("Opening", 0.0), ("The rest", 1.0)]
    tags = {key.lower(): value for key, value in said["format"]["tags"].items()}
    assert (tags["title"], tags["artist"]) == ("A talk", "Somebody")
    for kind in ("audio", "subtitle"):
        assert packets(target, kind) == packets(source, kind)
    if old == "mkv":
        assert len(packets(target, "subtitle")) == 3


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_the_location_is_not_copied(tmp_path: Path, ending: str) -> None:
    source = rich(tmp_path, ending)
    assert "48.1" in json.dumps(probed(source))
    as_it_is(source, tmp_path / f"out.{ending}")
    assert "48.1" not in json.dumps(probed(tmp_path / f"out.{ending}"))


@pytest.mark.parametrize(("old", "new"), [("mkv", "mp4"), ("mp4", "mkv")])
def test_subtitles_that_do_not_fit_are_one_line(tmp_path: Path, old: str, new: str) -> None:
    (line,) = as_it_is(rich(tmp_path, old), tmp_path / f"out.{new}").warnings
    assert "subtitles" in line
    assert f".{old}" in line.rsplit("write to", 1)[1]
    assert "\n" not in line


def test_a_broadcast_starts_at_zero_with_sound_in_sync(tmp_path: Path) -> None:
    source = bare(tmp_path / "in.ts", "-output_ts_offset 36000")
    before = {s["codec_type"]: float(s["start_time"]) for s in probed(source)["streams"]}
    assert min(before.values()) > 36000
    as_it_is(source, tmp_path / "out.mp4")
    after = {
        s["codec_type"]: float(s["start_time"]) for s in probed(tmp_path / "out.mp4")["streams"]
    }
    assert min(after.values()) == pytest.approx(0, abs=0.03)
    apart = after["video"] - after["audio"]
    assert apart == pytest.approx(before["video"] - before["audio"], abs=0.002)
    assert float(probed(tmp_path / "out.mp4")["format"]["duration"]) == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("name", ["in.avi", "in.mkv"])
def test_several_sounds_are_all_kept(tmp_path: Path, name: str) -> None:
    source, target = tmp_path / name, tmp_path / "out.mkv"
    ffmpeg(
        "-f lavfi -i testsrc2=s=64x48:d=2:r=25 -f lavfi -i sine=d=2 -f lavfi -i sine=880:d=1",
        "-map 0 -map 1 -map 2 -c:v mpeg4 -c:a libmp3lame",
        source,
    )
    as_it_is(source, target)
    for index in range(2):
        old, new = sound(source, index), sound(target, index)
        assert len(old) > 30
        assert new == old


def sound(path: Path, index: int) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=index) if packet.size]
