"""A video comes out as it went in: its frames, their sizes and times, its sound."""

from __future__ import annotations

import itertools
import struct
from pathlib import Path

import av
import numpy as np
import pytest
from support.media.plain_clips import MILLISECONDS, as_is, blur_video, clip, stamps

from bgblur.frame import Alpha, Image
from bgblur.offline.video import VideoJob

CLIPS = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "video"
needs_clips = pytest.mark.skipif(not CLIPS.exists(), reason="the shared clips are not here")


def sound_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


@needs_clips
def test_a_real_clip_keeps_its_frames_size_and_rate(tmp_path: Path) -> None:
    source, target = CLIPS / "webcam" / "book.mkv", tmp_path / "out.mkv"
    steps: list[tuple[int, int | None]] = []

    def note(done: int, total: int | None, fps: float) -> None:
        assert fps > 0
        steps.append((done, total))

    report = blur_video(VideoJob(source, target), as_is, on_progress=note)
    assert report.frames == 109
    assert report.warnings == []
    assert [done for done, _ in steps] == list(range(1, 110))
    assert stamps(target) == stamps(source)
    with av.open(str(source)) as before, av.open(str(target)) as after:
        old, new = before.streams.video[0], after.streams.video[0]
        assert (new.width, new.height) == (old.width, old.height)
        assert float(new.average_rate or 0) == pytest.approx(30, rel=0.01)
        pairs = zip(before.decode(video=0), after.decode(video=0), strict=True)
        for mine, theirs in itertools.islice(pairs, 0, None, 20):
            # Both are full range, BT.601: the stored luma must be equal but for the loss of H.264.
            difference = np.abs(
                np.asarray(mine.to_ndarray(format="gray"), int) - theirs.to_ndarray(format="gray")
            )
            assert difference.mean() < 1.5


@needs_clips
def test_a_real_matte_survives_bit_for_bit(tmp_path: Path) -> None:
    true = CLIPS / "composited" / "brbk7n_alpha.mkv"
    with av.open(str(true)) as container:
        mattes = [frame.to_ndarray() for frame in container.decode(video=0)]
    remaining = iter(mattes)

    def process(picture: Image) -> tuple[Image, Alpha]:
        return picture, (next(remaining) / np.float32(255)).astype(np.float32)

    job = VideoJob(
        CLIPS / "composited" / "brbk7n.mp4", tmp_path / "out.mp4", alpha=tmp_path / "alpha.mkv"
    )
    report = blur_video(job, process)
    assert report.frames == len(mattes) == 75
    with av.open(str(tmp_path / "alpha.mkv")) as container:
        written = [frame.to_ndarray() for frame in container.decode(video=0)]
    assert all((a == b).all() for a, b in zip(written, mattes, strict=True))
    assert stamps(tmp_path / "alpha.mkv") == stamps(tmp_path / "out.mp4")


@pytest.mark.parametrize(
    ("source", "target"),
    [("in.mp4", "out.mp4"), ("in.mp4", "out.mkv"), ("in.mkv", "out.mp4"), ("in.mkv", "out.mov")],
)
def test_sound_is_bit_identical_before_and_after(tmp_path: Path, source: str, target: str) -> None:
    path = clip(tmp_path / source, sound=True)
    blur_video(VideoJob(path, tmp_path / target), as_is)
    packets = sound_of(path)
    assert len(packets) > 50
    assert sound_of(tmp_path / target) == packets


def test_sound_that_does_not_fit_is_one_warning(tmp_path: Path) -> None:
    path = clip(tmp_path / "in.mp4", sound=True)
    report = blur_video(VideoJob(path, tmp_path / "out.webm"), as_is)
    (line,) = report.warnings
    assert "aac" in line


@pytest.mark.parametrize("ending", ["mkv", "mp4", "webm"])
def test_uneven_time_stamps_are_kept(tmp_path: Path, ending: str) -> None:
    path = clip(tmp_path / "in.mkv", 12, pts=lambda index: 500 + 7 * index * index)
    job = VideoJob(path, tmp_path / f"out.{ending}", alpha=tmp_path / "alpha.mkv")
    blur_video(job, as_is)
    assert stamps(path)[0] == 0.5
    assert stamps(job.target) == pytest.approx(stamps(path), abs=1e-9)
    assert stamps(tmp_path / "alpha.mkv") == stamps(path)


def test_the_process_decides_the_picture(tmp_path: Path) -> None:
    def negative(picture: Image) -> tuple[Image, Alpha]:
        return 255 - picture, np.full(picture.shape[:2], 0.25, np.float32)

    path = clip(tmp_path / "in.mp4", 10)
    job = VideoJob(path, tmp_path / "out.mp4", alpha=tmp_path / "alpha.mkv")
    blur_video(job, negative)
    with av.open(str(job.target)) as container:
        shades = [float(f.to_ndarray(format="bgr24").mean()) for f in container.decode(video=0)]
    assert shades == pytest.approx([235 - 7 * index for index in range(10)], abs=6)
    with av.open(str(tmp_path / "alpha.mkv")) as container:
        assert {int(v) for f in container.decode(video=0) for v in np.unique(f.to_ndarray())} == {
            64
        }


def test_odd_sizes_become_even_with_a_warning(tmp_path: Path) -> None:
    path = clip(tmp_path / "in.mp4", 3, size=(65, 49))
    job = VideoJob(path, tmp_path / "out.mp4", alpha=tmp_path / "alpha.mkv")
    seen: list[tuple[int, ...]] = []

    def look(picture: Image) -> tuple[Image, Alpha]:
        seen.append(picture.shape)
        return as_is(picture)

    report = blur_video(job, look)
    assert seen == [(49, 65, 3)] * 3
    (line,) = report.warnings
    assert "66x50" in line
    with av.open(str(job.target)) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (66, 50)
    with av.open(str(tmp_path / "alpha.mkv")) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (65, 49)


def test_a_file_that_breaks_off_is_blurred_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = clip(tmp_path / "whole.mp4", 100).read_bytes()
    path = tmp_path / "part.mp4"
    path.write_bytes(whole[: len(whole) * 7 // 10])
    report = blur_video(VideoJob(path, tmp_path / "out.mp4"), as_is)
    assert 20 < report.frames < 100
    assert len(stamps(tmp_path / "out.mp4")) == report.frames
    (line,) = report.warnings
    assert "part.mp4 breaks off" in line


def until(path: Path) -> float:
    """When the last picture ends, as the packets say."""
    with av.open(str(path)) as container:
        packets = container.demux(video=0)
        return float(max(((p.pts or 0) + (p.duration or 0)) * p.time_base for p in packets))


@pytest.mark.parametrize("source", ["in.mp4", "in.mkv"])
@pytest.mark.parametrize("target", ["out.mp4", "out.mkv", "out.mov", "out.webm"])
def test_the_last_picture_of_a_screen_recording_stays_as_long(
    tmp_path: Path, source: str, target: str
) -> None:
    """A screen recorder writes a picture when something changes, and the last may stay long."""
    with av.open(str(tmp_path / source), "w") as container:
        video = container.add_stream("libx264", 30, time_base=MILLISECONDS)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.codec_context.max_b_frames = 64, 48, 0
        shown = [0, 100, 2000, 2100, 5000, 8000]
        packets = []
        for index, pts in enumerate(shown[:-1]):
            picture = np.full((48, 64, 3), 40 * index, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = pts, MILLISECONDS
            packets += video.encode(frame)
        for index, packet in enumerate(packets + video.encode(None)):
            packet.duration = shown[index + 1] - shown[index]
            container.mux(packet)
    assert until(tmp_path / source) == pytest.approx(8, abs=0.002)
    job = VideoJob(tmp_path / source, tmp_path / target, alpha=tmp_path / "alpha.mkv")
    blur_video(job, as_is)
    assert stamps(tmp_path / target) == pytest.approx([0, 0.1, 2, 2.1, 5], abs=0.001)
    assert until(tmp_path / "alpha.mkv") == pytest.approx(8, abs=0.002)
    if target in ("out.mp4", "out.mov"):  # FFmpeg's reader adds up the pictures' decoding times
        data = (tmp_path / target).read_bytes()
        ticks, length = struct.unpack_from(">II", data, data.index(b"mvhd") + 16)
        assert length / ticks == pytest.approx(8, abs=0.002)
    else:
        assert until(tmp_path / target) == pytest.approx(8, abs=0.002)
