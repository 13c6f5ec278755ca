"""Fonts, time codes, languages and further tracks: kept where they can be, else named."""

from __future__ import annotations

import subprocess
from pathlib import Path

import av
import pytest
from support.media.made_by_ffmpeg import as_it_is, bare, ffmpeg, needs_ffmpeg, probed

pytestmark = needs_ffmpeg


def with_font(path: Path, font: Path) -> Path:
    font.write_bytes(b"\0\1\0\0" + bytes(range(200)))
    (path.parent / "notes.txt").write_text("48.858370, 2.294481")
    ffmpeg(
        *("-i", bare(path.parent / "bare.mp4"), "-attach", font, "-attach"),
        *(path.parent / "notes.txt", "-metadata:s:t:0 mimetype=application/x-truetype-font"),
        *("-metadata:s:t:1 mimetype=text/plain -c copy", path),
    )
    return path


def test_attached_fonts_are_kept_and_other_files_named(tmp_path: Path) -> None:
    font = tmp_path / "Sign.ttf"
    source = with_font(tmp_path / "in.mkv", font)
    (line,) = as_it_is(source, tmp_path / "out.mkv").warnings
    assert line.startswith("notes.txt, attached to in.mkv, is left out")
    subprocess.run(
        ["ffmpeg", "-v", "quiet", "-dump_attachment:t:0", "got.ttf", "-i", "out.mkv"],
        cwd=tmp_path,
        check=False,
    )
    assert (tmp_path / "got.ttf").read_bytes() == font.read_bytes()
    assert b"48.858370" not in (tmp_path / "out.mkv").read_bytes()


def test_fonts_that_do_not_fit_are_named(tmp_path: Path) -> None:
    source = with_font(tmp_path / "in.mkv", tmp_path / "Sign.ttf")
    line, _ = as_it_is(source, tmp_path / "out.mp4").warnings
    assert line.startswith("the font Sign.ttf of in.mkv would not fit into a mp4 file")


@pytest.mark.parametrize("target", ["out.mov", "out.mp4", "out.mkv"])
def test_time_codes_and_the_pictures_language_are_kept(tmp_path: Path, target: str) -> None:
    source = tmp_path / "in.mp4"
    ffmpeg(
        "-f lavfi -i testsrc2=s=64x48:d=1:r=25 -timecode 10:20:30:04 -metadata:s:v language=deu",
        "-c:v libx264",
        source,
    )
    assert "tmcd" in {stream.get("codec_tag_string") for stream in probed(source)["streams"]}
    assert as_it_is(source, tmp_path / target).warnings == []
    picture, *others = probed(tmp_path / target)["streams"]
    tags = {key.lower(): value for key, value in picture["tags"].items()}
    tags |= {k.lower(): v for k, v in probed(tmp_path / target)["format"]["tags"].items()}
    assert tags["timecode"] == "10:20:30:04"
    assert picture["tags"]["language"] == ("ger" if target == "out.mov" else "deu")
    assert [s["codec_tag_string"] for s in others] == ([] if target == "out.mkv" else ["tmcd"])


def test_a_second_picture_track_is_named_and_not_copied(tmp_path: Path) -> None:
    """It would show the room: it is not blurred."""
    source = tmp_path / "in.mkv"
    ffmpeg(
        "-f lavfi -i testsrc2=s=64x48:d=1:r=5 -f lavfi -i testsrc=s=32x32:d=1:r=5",
        "-map 0 -map 1 -c:v libx264",
        source,
    )
    (line,) = as_it_is(source, tmp_path / "out.mkv").warnings
    assert line.startswith("the second picture track of in.mkv (h264) is left out")
    assert [s["codec_type"] for s in probed(tmp_path / "out.mkv")["streams"]] == ["video"]


def test_a_cover_picture_is_named_and_not_copied(tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    ffmpeg("-f lavfi -i color=red:s=32x32 -frames:v 1", tmp_path / "c.png")
    ffmpeg(
        *("-i", bare(tmp_path / "bare.mp4"), "-i", tmp_path / "c.png", "-map 0 -map 1 -c copy"),
        *("-disposition:v:1 attached_pic", source),
    )
    (line,) = as_it_is(source, tmp_path / "out.mp4").warnings
    assert line.startswith("the cover picture of in.mp4 (png) is left out")


def test_data_tracks_are_named(tmp_path: Path) -> None:
    """GoPro's cameras write the place into one."""
    source = tmp_path / "in.ts"
    with av.open(str(bare(tmp_path / "b.mp4"))) as old, av.open(str(source), "w") as new:
        video = new.add_stream_from_template(old.streams.video[0])
        data = new.add_data_stream("klv")
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = video
                new.mux(packet)
        measured = av.Packet(b"GPS5 48.858370")
        measured.pts = measured.dts = 0
        measured.stream = data
        new.mux(measured)
    (line,) = as_it_is(source, tmp_path / "out.mp4").warnings
    assert "a data track of in.ts" in line
    assert b"48.858370" not in (tmp_path / "out.mp4").read_bytes()


def test_what_describes_the_old_packets_is_not_said_of_the_new(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    ffmpeg(
        *("-i", bare(tmp_path / "b.mp4"), "-metadata:s:v BPS=123456 -metadata:s:v title=Left"),
        *("-c copy", source),
    )
    as_it_is(source, tmp_path / "out.mkv")
    tags = probed(tmp_path / "out.mkv")["streams"][0]["tags"]
    assert "BPS" not in tags
    assert tags["title"] == "Left"
