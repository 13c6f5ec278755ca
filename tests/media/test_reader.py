from __future__ import annotations

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from support.media.known_colors import BLUE, GREEN, RED, WHITE, corners, middles, patches
from support.media.unreadable_clips import UNREADABLE, unreadable
from support.media.written_clips import write_clip

from bgblur.errors import UsageError
from bgblur.frame import Image
from bgblur.media.reader import VideoReader

CLIPS = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "video"
BOOK = CLIPS / "webcam" / "book.mkv"


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
def test_grays_are_right_in_every_format(
    tmp_path: Path, name: str, codec: str, pix_fmt: str
) -> None:
    full = 2 if codec == "libx264" and pix_fmt == "gray" else 0
    path = write_clip(tmp_path / name, [ramp()] * 4, codec=codec, pix_fmt=pix_fmt, color_range=full)
    pictures = [picture.astype(int) for picture, _ in VideoReader(path)]
    assert len(pictures) == 4
    limit = 8 if codec in {"mpeg4", "mjpeg", "libvpx-vp9"} else 3
    assert np.abs(pictures[0][:, 8:-8] - ramp()[:, 8:-8]).max() <= limit


@pytest.mark.parametrize("color_range", [1, 2])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le"])
def test_pictures_are_neither_darker_nor_lighter_than_stored(
    tmp_path: Path, pix_fmt: str, color_range: int
) -> None:
    noise = np.random.default_rng(1).integers(60, 196, (12, 16, 3), np.uint8)
    smooth = cv2.resize(noise, (160, 120), interpolation=cv2.INTER_CUBIC)
    path = write_clip(
        tmp_path / "a.mkv",
        [smooth],
        codec="ffv1",
        pix_fmt=pix_fmt,
        matrix=6,
        color_range=color_range,
    )
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    stored = frame.to_ndarray()[:120].astype(float) if frame.format.is_planar else None
    assert stored is not None
    stored = stored.reshape(-1, 120, 160)[0] / (4 if "10" in pix_fmt else 1)
    shown = next(iter(VideoReader(path)))[0] @ np.array([0.114, 0.587, 0.299])
    luma = shown if color_range == 2 else 16 + shown * 219 / 255
    assert abs((luma - stored).mean()) < 0.1


@pytest.mark.parametrize("color_range", [1, 2])
@pytest.mark.parametrize("matrix", [1, 6])
def test_colors_follow_the_files_matrix_and_range(
    tmp_path: Path, matrix: int, color_range: int
) -> None:
    path = write_clip(
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


def test_a_file_without_a_matrix_is_read_as_players_do(tmp_path: Path) -> None:
    low = VideoReader(write_clip(tmp_path / "low.mp4", [corners()]))
    high = VideoReader(write_clip(tmp_path / "high.mp4", [corners(1280, 720)]))
    assert (low.tags.matrix, high.tags.matrix) == (6, 1)  # BT.601, BT.709


# The corners of the upright picture: top left, top right, bottom left, bottom right.
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
    reader = VideoReader(write_clip(tmp_path / "a.mp4", [corners()] * 2, turn=turn))
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
    path = write_clip(tmp_path / "a.mkv", [corners()] * 6, pts=stamps, time_base=Fraction(1, 1000))
    reader = VideoReader(path)
    assert [pts * reader.time_base for _, pts in reader] == [Fraction(s, 1000) for s in stamps]


def frames_ffmpeg_finds(path: Path) -> int:
    probe = "ffprobe -v quiet -count_frames -select_streams v -show_entries stream=nb_read_frames"
    probed = subprocess.run(
        [*probe.split(), "-of", "csv=p=0", path], capture_output=True, text=True, check=False
    )
    return int(probed.stdout.strip().strip(","))


needs_ffprobe = pytest.mark.skipif(not shutil.which("ffprobe"), reason="ffprobe is the judge")


@needs_ffprobe
@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_file_that_breaks_off_is_read_as_far_as_it_goes(tmp_path: Path, ending: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (50, 48, 64, 3), np.uint8)
    whole = write_clip(tmp_path / f"whole.{ending}", list(noise), options={"g": "10"})
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
def test_damage_in_the_middle_is_reported_and_skipped(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (50, 48, 64, 3), np.uint8)
    path = write_clip(
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


@pytest.mark.parametrize("kind", UNREADABLE)
def test_an_unreadable_file_is_one_line(tmp_path: Path, kind: str) -> None:
    path, reason = unreadable(tmp_path)[kind]
    with pytest.raises(UsageError, match=reason) as caught:
        VideoReader(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_animated_webp_is_not_called_damaged(tmp_path: Path) -> None:
    frames = [Pillow.new("RGB", (64, 48), (60 * n, 90, 0)) for n in range(3)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:])
    with pytest.raises(UsageError, match="animated WebP") as caught:
        VideoReader(tmp_path / "a.webp")
    assert "damaged" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_with_a_colon_is_a_file(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", [corners()]).rename(tmp_path / "at 10:30.mp4")
    assert len(list(VideoReader(path))) == 1
