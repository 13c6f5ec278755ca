"""Sound, subtitles, chapters and tags, made by ffmpeg and checked by ffprobe."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from support.media.made_by_ffmpeg import as_it_is, bare, ffmpeg, needs_ffmpeg, probed

pytestmark = needs_ffmpeg

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


CODECS = {"mkv": "subrip", "mp4": "mov_text", "mov": "mov_text", "webm": "webvtt"}


def spoken(path: Path) -> list[tuple[float, float, str]]:
    """(start, end, words) of each subtitle that says anything, in seconds of the picture: in an
    .mkv all begins later by the sound's priming."""
    found = []
    begin = float(
        next(s for s in probed(path)["streams"] if s["codec_type"] == "video")["start_time"]
    )
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[0]
        for packet in container.demux(stream):
            lines = stream.decode(packet) if packet.size else []
            words = "/".join(line.dialogue.decode() for line in lines if hasattr(line, "dialogue"))
            if words and packet.pts is not None:
                start = float(packet.pts * packet.time_base) - begin
                end = start + float((packet.duration or 0) * packet.time_base)
                found.append((round(start, 2), round(end, 2), words))
    return found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("mkv", "mp4"),
        ("mkv", "mov"),
        ("mkv", "webm"),
        ("mp4", "mkv"),
        ("mov", "mkv"),
        ("mp4", "webm"),
    ],
)
def test_subtitles_are_converted(tmp_path: Path, old: str, new: str) -> None:
    source, target = rich(tmp_path, old), tmp_path / f"out.{new}"
    warnings = as_it_is(source, target).warnings
    assert all("the sound of" in line for line in warnings)  # AAC does not fit into a .webm
    (stream,) = (s for s in probed(target)["streams"] if s["codec_type"] == "subtitle")
    assert stream["codec_name"] == CODECS[new]
    hello, *rest = spoken(target)
    assert hello == (0.2, 0.8, "Hello")
    if old == "mkv" and new in ("mp4", "mov"):  # a track of theirs shows one at a time
        assert rest == [(1.0, 1.6, "there\nsays the sign"), (1.6, 1.8, "says the sign")]
    elif old == "mkv":
        assert sorted(rest) == [(1.0, 1.6, "there"), (1.0, 1.8, "says the sign")]
    else:
        assert rest == [(1.0, 1.6, "there")]


def test_styled_subtitles_keep_their_words_and_weight(tmp_path: Path) -> None:
    (tmp_path / "s.srt").write_text(SUBTITLES.replace("Hello", "<b>Hello</b> <i>you</i>"))
    source = tmp_path / "in.mkv"
    ffmpeg("-i", bare(tmp_path / "b.mp4"), "-i", tmp_path / "s.srt", "-c copy -c:s ass", source)
    assert as_it_is(source, tmp_path / "out.mkv").warnings == []
    assert as_it_is(source, tmp_path / "out.mp4").warnings == []
    for name, codec in (("out.mkv", "ass"), ("out.mp4", "mov_text")):
        assert codec in {s["codec_name"] for s in probed(tmp_path / name)["streams"]}
        with av.open(str(tmp_path / name)) as container:
            stream = container.streams.subtitles[0]
            said = [
                line.ass.decode()
                for packet in container.demux(stream)
                if packet.size
                for line in stream.decode(packet)
                if isinstance(line, av.subtitles.subtitle.AssSubtitle)
            ]
        assert "{\\b1}Hello" in said[0]
        assert "{\\i1}you" in said[0]


def test_subtitles_in_pictures_are_named_where_they_do_not_fit(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    with av.open(str(bare(tmp_path / "b.mp4"))) as old, av.open(str(source), "w") as new:
        video = new.add_stream_from_template(old.streams.video[0])
        pictures = new.add_mux_stream("dvd_subtitle", time_base=Fraction(1, 1000))
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = video
                new.mux(packet)
        shown = av.Packet(bytes([0, 4, 0, 4]))
        shown.pts, shown.time_base, shown.stream = 100, Fraction(1, 1000), pictures
        new.mux(shown)
    (line,) = as_it_is(source, tmp_path / "out.webm").warnings
    assert "the subtitles of in.mkv (dvdsub) would not fit into a webm file" in line
    assert line.endswith("write to .mkv to keep all")


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
