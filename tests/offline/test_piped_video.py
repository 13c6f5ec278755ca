"""``video -``: FFmpeg writes into the one pipe and reads from the other."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.media.made_by_ffmpeg import needs_ffmpeg
from support.media.piped_ffmpeg import H264, PICTURES, SOUND, producer

from bgblur.errors import OutputError, UsageError
from bgblur.frame import Alpha, Image
from bgblur.media.piped_input import PipedInput
from bgblur.media.piped_output import Format, PipedOutput
from bgblur.offline.piped_video import PIPE, Pipes, standard_pipes
from bgblur.offline.video import VideoJob, VideoReport, blur_video

pytestmark = needs_ffmpeg


@contextmanager
def consumer() -> Iterator[tuple[int, Any]]:
    """A pipe's end to write to, and what ffprobe says of what it got, once that is closed."""
    ours, theirs = os.pipe()
    call = ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", "-"]
    with subprocess.Popen(call, stdin=ours, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as read:
        os.close(ours)

        def ended() -> Any:
            end.close()
            said, errors = read.communicate(timeout=60)
            assert errors == b""
            return json.loads(said)

        with os.fdopen(theirs, "wb", 0) as end:
            try:
                yield theirs, ended
            finally:
                read.kill()


def as_it_is(pipes: Pipes, **job: Any) -> VideoReport:
    def compose(picture: Image, _: float) -> tuple[Image, Alpha]:
        return picture, np.ones(picture.shape[:2], np.float32)

    files = {
        "source": PIPE if pipes.source else None,
        "target": PIPE if pipes.target else None,
    }
    wanted = {name: path for name, path in files.items() if path} | job
    return blur_video(VideoJob(**wanted), lambda picture: picture, compose, pipes=pipes)


def through(words: str, kind: Format = "mkv", **job: Any) -> tuple[VideoReport, Any]:
    """What is said of a clip that FFmpeg pipes in, and the result as ffprobe reads it."""
    with producer(words) as source, consumer() as (target, ended):
        pipes = Pipes(PipedInput(source.fileno()), PipedOutput(target, kind))
        return as_it_is(pipes, **job), ended()


def of_kind(streams: Any, kind: str) -> Any:
    return [s for s in streams["streams"] if s["codec_type"] == kind]


@pytest.mark.parametrize(
    "words",
    [
        f"{PICTURES} {SOUND} {H264} -c:a flac -f matroska",
        f"{PICTURES} {SOUND} {H264} -c:a aac -f mpegts",
        f"{PICTURES} {SOUND} {H264} -c:a aac -f flv",
        f"{PICTURES} {SOUND} -c:v libvpx-vp9 -cpu-used 8 -c:a libopus -f webm",
        f"{PICTURES} {SOUND} -c:v mpeg2video -c:a mp2 -f mpeg",
    ],
    ids=["matroska", "mpegts", "flv", "webm", "mpeg"],
)
def test_matroska_out_has_the_pictures_and_the_sound_of_what_came_in(words: str) -> None:
    report, streams = through(words)
    (picture,), (sound,) = of_kind(streams, "video"), of_kind(streams, "audio")
    assert report.frames == 25
    # Into a pipe Matroska cannot write what a transport stream says of AAC only in its packets.
    assert len(report.warnings) == ("mpegts" in words)
    assert (picture["codec_name"], picture["nb_read_frames"]) == ("h264", "25")
    assert sound["codec_name"] in words.replace("libopus", "opus")


def test_a_fragmented_mp4_has_its_sound_encoded_anew_in_case_of_edit_lists() -> None:
    words = f"{PICTURES} {SOUND} {H264} -c:a aac -movflags frag_keyframe+empty_moov -f mp4"
    report, streams = through(words)
    (line,) = report.warnings
    assert line.startswith("the sound of - (aac) was re-encoded as aac, so that what was trimmed")
    assert len(of_kind(streams, "audio")) == 1
    assert report.frames == 25


def test_y4m_in_and_out_keeps_every_picture_its_size_rate_and_range() -> None:
    report, streams = through(f"{PICTURES} -pix_fmt yuv420p -f yuv4mpegpipe", "y4m")
    (picture,) = streams["streams"]
    assert (report.frames, report.warnings) == (25, [])
    assert (picture["codec_name"], picture["nb_read_frames"]) == ("rawvideo", "25")
    assert (picture["width"], picture["height"], picture["r_frame_rate"]) == (64, 48, "25/1")
    assert (picture["pix_fmt"], picture["color_range"]) == ("yuv420p", "tv")


def test_y4m_names_the_sound_that_it_leaves_out() -> None:
    report, streams = through(f"{PICTURES} {SOUND} {H264} -c:a aac -f matroska", "y4m")
    (line,) = report.warnings
    assert line.startswith("- has sound")
    assert len(streams["streams"]) == 1


@pytest.mark.parametrize("kind", ["mkv", "y4m"])
def test_transparency_goes_through_where_it_is_held(kind: Format) -> None:
    ground = "-f lavfi -i color=red@0.5:s=64x48:d=0.2,format=yuva420p"
    report, streams = through(f"{ground} -c:v libvpx-vp9 -cpu-used 8 -f webm", kind)
    (picture,) = streams["streams"]
    tags = {name.lower(): value for name, value in picture.get("tags", {}).items()}
    assert (tags.get("alpha_mode") == "1") is (kind == "mkv")
    if kind == "y4m":
        (line,) = report.warnings
        assert line.endswith("shown over white: leave out --format y4m to keep them")


def test_y4m_keeps_the_times_of_a_variable_rate() -> None:
    words = f"{PICTURES} -vf select=not(between(n\\,5\\,14)) -fps_mode vfr {H264} -f matroska"
    report, streams = through(words, "y4m")
    (picture,) = streams["streams"]
    seconds = int(picture["nb_read_frames"]) / Fraction(picture["r_frame_rate"])
    assert abs(seconds - 1) < 0.1
    assert report.warnings == [
        "Y4M has one rate: 9 pictures were repeated and 0 left out, so that the times stay"
    ]


@pytest.mark.parametrize(("job", "what"), [({"cutout": True}, "no transparency")])
def test_what_y4m_does_not_hold_is_one_line(job: dict[str, Any], what: str) -> None:
    with producer(f"{PICTURES} -f yuv4mpegpipe") as source, consumer() as (target, _):
        pipes = Pipes(PipedInput(source.fileno()), PipedOutput(target, "y4m"))
        with pytest.raises(UsageError, match=what):
            as_it_is(pipes, **job)


def test_subtitles_are_named_for_a_pipe_cannot_be_searched_for_places(tmp_path: Path) -> None:
    (tmp_path / "in.srt").write_text("1\n00:00:00,000 --> 00:00:00,500\nHello\n")
    words = f"{PICTURES} -i {tmp_path / 'in.srt'} {H264} -c:s srt -f matroska"
    report, streams = through(words)
    (line,) = report.warnings
    assert line.startswith("the subtitles of - (srt) are left out: a pipe cannot")
    assert [stream["codec_type"] for stream in streams["streams"]] == ["video"]


def test_a_file_is_written_from_a_pipe_and_one_is_piped(tmp_path: Path) -> None:
    with producer(f"{PICTURES} {SOUND} {H264} -c:a aac -f matroska") as source:
        as_it_is(Pipes(PipedInput(source.fileno())), target=tmp_path / "out.mp4")
    with consumer() as (target, ended):
        report = as_it_is(Pipes(target=PipedOutput(target)), source=tmp_path / "out.mp4")
        streams = ended()
    assert (report.frames, report.warnings) == (25, [])
    assert [s["codec_name"] for s in streams["streams"]] == ["h264", "aac"]


def test_a_file_before_the_program_may_have_its_index_at_the_end(tmp_path: Path) -> None:
    words = f"-v error {PICTURES} {SOUND} {H264} -c:a aac".split()
    subprocess.run(["ffmpeg", *words, tmp_path / "in.mp4"], check=True)
    with (tmp_path / "in.mp4").open("rb") as source:
        report = as_it_is(Pipes(PipedInput(source.fileno())), target=tmp_path / "out.mp4")
    assert (report.frames, report.warnings) == (25, [])


@pytest.mark.parametrize(
    ("data", "says"), [(b"", "nothing came in"), (b"no clip" * 9, "not a video, or a kind")]
)
def test_what_is_no_clip_is_one_line(data: bytes, says: str, tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb") as source:
        os.write(theirs, data)
        os.close(theirs)
        with pytest.raises(UsageError, match=f"^cannot read -: .*{says}"):
            as_it_is(Pipes(PipedInput(source.fileno())), target=tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["mkv", "y4m"])
def test_a_reader_that_ended_is_one_line(kind: Format) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    with (
        producer(f"{PICTURES} -pix_fmt yuv420p -f yuv4mpegpipe") as source,
        os.fdopen(theirs, "wb", 0),
        pytest.raises(OutputError, match=r"^cannot write to the pipe: Broken pipe; its reader"),
    ):
        as_it_is(Pipes(PipedInput(source.fileno()), PipedOutput(theirs, kind)))


def test_pictures_come_out_while_more_come_in() -> None:
    """Nothing waits for the end, which a camera's pipe never has."""
    came, go_on = threading.Event(), threading.Event()
    ours, theirs = os.pipe()
    out, into = os.pipe()
    picture = b"FRAME\n" + bytes(64 * 48 * 3 // 2)

    def feed() -> None:
        with os.fdopen(theirs, "wb", 0) as pipe:
            pipe.write(b"YUV4MPEG2 W64 H48 F25:1 C420\n" + 40 * picture)
            assert go_on.wait(30)
            pipe.write(picture)

    def read() -> None:
        with os.fdopen(out, "rb", 0) as pipe:
            while pipe.read(1 << 16):
                came.set()

    threads = [threading.Thread(target=work, daemon=True) for work in (feed, read)]
    reports: list[VideoReport] = []
    with os.fdopen(ours, "rb", 0), os.fdopen(into, "wb", 0):
        pipes = Pipes(PipedInput(ours), PipedOutput(into, "y4m"))
        threads.append(threading.Thread(target=lambda: reports.append(as_it_is(pipes))))
        for thread in threads:
            thread.start()
        assert came.wait(30)
        go_on.set()
        threads[-1].join(30)
    assert [report.frames for report in reports] == [41]


def test_a_pipe_keeps_only_what_a_reader_still_needs() -> None:
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb"), os.fdopen(theirs, "wb", 0) as pipe:
        source = PipedInput(ours)
        probe = source.open()
        pipe.write(b"abcdef")
        assert probe.read(6) == b"abcdef"
        probe.close()
        first, last = source.open(), source.open(last=True)
        assert first.read(4) == b"abcd"
        assert bytes(source._kept) == b"abcdef"
        assert last.read(2) == b"ab"
        assert bytes(source._kept) == b"cdef"
        first.close()
        assert last.read(9) == b"cdef"
        assert bytes(source._kept) == b""
        with pytest.raises(ValueError, match="gone"):
            source.open()


def test_a_reader_that_waits_gets_the_end_when_the_work_stops() -> None:
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb"), os.fdopen(theirs, "wb"):
        source = PipedInput(ours)
        threading.Timer(0.2, source.stop).start()
        assert source.open().read(5) == b""


def test_a_format_is_for_pipes_alone() -> None:
    with pytest.raises(UsageError, match="--format is for -"):
        standard_pipes(Path("in.mkv"), Path("out.mkv"), "mkv")
