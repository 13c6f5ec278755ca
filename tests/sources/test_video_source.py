from __future__ import annotations

import itertools
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import Interpolation
from support.media.known_colors import BLUE, GREEN, RED, WHITE, corners, middles, patches

from bgblur.errors import CameraError, UsageError
from bgblur.frame import Image
from bgblur.media.reader import VideoReader
from bgblur.sources.video import VideoSource

CLIPS = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "video"
BOOK = CLIPS / "webcam" / "book.mkv"


def clip(
    path: Path,
    pictures: Sequence[Image],
    *,
    pts: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 25),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    turn: tuple[float, bool, bool] | None = None,
    options: dict[str, str] | None = None,
    matrix: int = 2,
    color_range: int = 0,
) -> Path:
    """A video made with PyAV alone, none of our own code."""
    with av.open(str(path), "w", container_options={"movflags": "+faststart"}) as container:
        stream = container.add_stream(codec, 25, options or {}, time_base=time_base)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.codec_context.colorspace = matrix
        stream.codec_context.color_range = color_range
        if turn is not None:
            stream.set_display_rotation(*turn)
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame = frame.reformat(
                format=pix_fmt,
                dst_colorspace={1: 1, 6: 5}.get(matrix),
                dst_color_range=color_range or None,
                interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND,
            )
            frame.pts = index if pts is None else pts[index]
            frame.time_base = time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def ramp(width: int = 256, height: int = 64) -> Image:
    return np.repeat(
        np.linspace(0, 255, width).astype(np.uint8)[None, :, None], height, axis=0
    ).repeat(3, axis=2)


@pytest.mark.skipif(not BOOK.exists(), reason="the shared webcam clips are not here")
def test_reads_every_frame_of_a_real_clip() -> None:
    reader = VideoReader(BOOK)
    pictures = list(reader)
    assert (reader.width, reader.height, float(reader.fps)) == (640, 480, 30.0)
    assert reader.frames is not None
    assert abs(reader.frames - len(pictures)) <= 1
    assert len(pictures) == 109  # as `ffprobe -count_frames` says
    picture, pts = pictures[0]
    assert picture.shape == (480, 640, 3)
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous
    assert pts * reader.time_base == Fraction(33, 1000)
    assert reader.truncated is None
    assert len(list(reader)) == 109  # again, from the start


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("a.mkv", "libx264", "yuv444p10le"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("a.mkv", "ffv1", "gray"),
        ("a.mkv", "ffv1", "gray10le"),
        ("a.mov", "png", "rgb24"),
        ("a.mkv", "ffv1", "bgr0"),
        ("a.mp4", "libx264", "gray"),
        ("a.avi", "mjpeg", "yuvj420p"),
    ],
)
def test_reads_every_kind_with_its_grays_right(
    tmp_path: Path, name: str, codec: str, pix_fmt: str
) -> None:
    full = 2 if codec == "libx264" and pix_fmt == "gray" else 0
    path = clip(tmp_path / name, [ramp()] * 4, codec=codec, pix_fmt=pix_fmt, color_range=full)
    pictures = [picture.astype(int) for picture, _ in VideoReader(path)]
    assert len(pictures) == 4
    limit = 8 if codec in {"mpeg4", "mjpeg", "libvpx-vp9"} else 3
    assert np.abs(pictures[0][:, 8:-8] - ramp()[:, 8:-8]).max() <= limit


@pytest.mark.parametrize("color_range", [1, 2])
@pytest.mark.parametrize("matrix", [1, 6])
def test_colors_follow_the_files_matrix_and_range(
    tmp_path: Path, matrix: int, color_range: int
) -> None:
    path = clip(
        tmp_path / "a.mp4",
        [patches()] * 2,
        options={"crf": "4"},
        matrix=matrix,
        color_range=color_range,
    )
    reader = VideoReader(path)
    assert (reader.tags.matrix, reader.tags.range) == (matrix, color_range)
    picture, _ = next(iter(reader))
    assert np.abs(middles(picture).astype(int) - middles(patches())).max() <= 5


def test_a_file_that_does_not_name_its_matrix_is_read_as_players_do(tmp_path: Path) -> None:
    low = VideoReader(clip(tmp_path / "low.mp4", [corners()]))
    high = VideoReader(clip(tmp_path / "high.mp4", [corners(1280, 720)]))
    assert (low.tags.matrix, high.tags.matrix) == (6, 1)  # BT.601, BT.709


# Which corner each of red, green, blue, white is in afterwards, as a viewer would name it.
Turn = tuple[float, bool, bool]
TURNS: dict[Turn, list[tuple[int, int, int]]] = {
    (90, False, False): [GREEN, WHITE, RED, BLUE],
    (180, False, False): [WHITE, BLUE, GREEN, RED],
    (-90, False, False): [BLUE, RED, WHITE, GREEN],
    (0, True, False): [GREEN, RED, WHITE, BLUE],
    (0, False, True): [BLUE, WHITE, RED, GREEN],
}


@pytest.mark.parametrize("turn", TURNS)
def test_phone_clips_come_out_upright(tmp_path: Path, turn: Turn) -> None:
    reader = VideoReader(clip(tmp_path / "a.mp4", [corners()] * 2, turn=turn))
    picture, _ = next(iter(reader))
    size = (48, 64) if abs(turn[0]) == 90 else (64, 48)
    assert (reader.width, reader.height) == size == picture.shape[1::-1]
    height, width = picture.shape[:2]
    shown = [
        picture[y, x].astype(int)
        for y in (height // 4, 3 * height // 4)
        for x in (width // 4, 3 * width // 4)
    ]
    assert np.abs(np.array(shown) - np.array(TURNS[turn], int)).max() <= 8


def test_uneven_time_stamps_are_kept(tmp_path: Path) -> None:
    stamps = [0, 40, 55, 200, 210, 1210]
    path = clip(tmp_path / "a.mkv", [corners()] * 6, pts=stamps, time_base=Fraction(1, 1000))
    reader = VideoReader(path)
    assert [pts * reader.time_base for _, pts in reader] == [Fraction(s, 1000) for s in stamps]


def frames_ffmpeg_finds(path: Path) -> int:
    probe = "ffprobe -v quiet -count_frames -select_streams v -show_entries stream=nb_read_frames"
    told = subprocess.run(
        [*probe.split(), "-of", "csv=p=0", path], capture_output=True, text=True, check=False
    )
    return int(told.stdout.strip().strip(","))


needs_ffprobe = pytest.mark.skipif(not shutil.which("ffprobe"), reason="ffprobe is the judge")


@needs_ffprobe
@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_file_that_breaks_off_is_read_as_far_as_it_goes(tmp_path: Path, ending: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (50, 48, 64, 3), np.uint8)
    whole = clip(tmp_path / f"whole.{ending}", list(noise), options={"g": "10"})
    data = whole.read_bytes()
    part = tmp_path / f"part.{ending}"
    part.write_bytes(data[: len(data) * 6 // 10])
    reader = VideoReader(part)
    count = len(list(reader))
    assert 15 < count < 45
    assert count >= frames_ffmpeg_finds(part)
    assert reader.truncated is not None
    assert "breaks off at" in reader.truncated
    assert "of 2.0 s" in reader.truncated
    assert "\n" not in reader.truncated


@needs_ffprobe
def test_damage_in_the_middle_is_told_and_skipped(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (50, 48, 64, 3), np.uint8)
    path = clip(
        tmp_path / "a.mkv",
        list(noise),
        codec="ffv1",
        pix_fmt="bgr0",
        options={"slicecrc": "1", "level": "3"},
    )
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 30000] = bytes(30000)
    path.write_bytes(data)
    reader = VideoReader(path)
    count = len(list(reader))
    assert 30 < count < 50
    assert count >= frames_ffmpeg_finds(path)
    assert reader.truncated is not None
    assert "is damaged" in reader.truncated


def sound_only(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", 48000)
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp")
        frame.sample_rate, frame.pts = 48000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def unreadable(folder: Path) -> dict[str, tuple[Path, str]]:
    empty = folder / "empty.mp4"
    empty.touch()
    text = folder / "text.mp4"
    text.write_text("a letter to a friend\n" * 500)
    plain = folder / "plain.txt"
    plain.write_text("a letter to a friend\n" * 500)
    headless = folder / "headless.mp4"
    with av.open(str(headless), "w") as container:  # its index comes last and is cut off
        stream = container.add_stream("libx264", 25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = 64, 48
        frame = av.VideoFrame.from_ndarray(corners(), format="bgr24")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    headless.write_bytes(headless.read_bytes()[:-200])
    return {
        "missing": (folder / "missing.mp4", "no such file"),
        "empty": (empty, "empty"),
        "text": (text, "not a video"),
        "plain text": (plain, "not a video"),
        "no index": (headless, "cut short"),
        "sound only": (sound_only(folder / "sound.m4a"), "no video"),
        "folder": (folder, "not a file"),
    }


@pytest.mark.parametrize(
    "kind", ["missing", "empty", "text", "plain text", "no index", "sound only", "folder"]
)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, kind: str) -> None:
    path, reason = unreadable(tmp_path)[kind]
    with pytest.raises(UsageError, match=reason) as told:
        VideoReader(path)
    assert str(path) in str(told.value)
    assert "\n" not in str(told.value)
    with pytest.raises(CameraError, match=reason):
        VideoSource(path)


def test_a_name_with_a_colon_is_a_file(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", [corners()]).rename(tmp_path / "at 10:30.mp4")
    assert len(list(VideoReader(path))) == 1


def gray_steps(path: Path, count: int) -> Path:
    """``count`` frames at 25 fps, each lighter than the last."""
    shades = [np.full((48, 64, 3), 20 + 20 * i, np.uint8) for i in range(count)]
    return clip(path, shades, options={"crf": "4"})


def test_a_source_keeps_the_clips_pace_and_starts_over(tmp_path: Path) -> None:
    source = VideoSource(gray_steps(tmp_path / "a.mp4", 10))
    assert (source.width, source.height, source.fps) == (64, 48, 25.0)
    began = time.monotonic()
    frames = [source.read() for _ in range(25)]
    took = time.monotonic() - began
    source.close()
    assert 0.9 < took < 1.6  # 25 frames at 25 fps
    assert [frame.index for frame in frames] == list(range(25))
    shades = [round((float(frame.image.mean()) - 20) / 20) for frame in frames]
    assert shades == [index % 10 for index in range(25)]
    assert all(a.captured < b.captured for a, b in itertools.pairwise(frames))


def test_a_slow_reader_gets_no_burst(tmp_path: Path) -> None:
    source = VideoSource(gray_steps(tmp_path / "a.mp4", 10))
    source.read()
    time.sleep(0.6)
    began = time.monotonic()
    for _ in range(10):
        source.read()
    assert time.monotonic() - began > 0.2  # not the fifteen frames slept through at once
    source.close()


def test_closing_wakes_a_reader_and_may_be_repeated(tmp_path: Path) -> None:
    slow = clip(
        tmp_path / "a.mkv", [corners()] * 3, pts=[0, 900, 1800], time_base=Fraction(1, 1000)
    )
    source = VideoSource(slow)
    source.read()
    told: list[str] = []

    def read_on() -> None:
        try:
            while True:
                source.read()
        except CameraError as error:
            told.append(str(error))

    reader = threading.Thread(target=read_on)
    reader.start()
    time.sleep(0.1)
    source.close()
    reader.join(0.5)
    assert not reader.is_alive()
    assert told == ["the video a.mkv was closed"]
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
