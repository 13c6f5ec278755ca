"""Interlaced clips become whole pictures, or stay interlaced with each field its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.media.odd_clips import read_fields, write_interlaced

from bgblur.errors import UsageError
from bgblur.frame import Alpha, Image
from bgblur.media.reader import Keep, VideoReader
from bgblur.offline.video import VideoJob, VideoReport, blur_video

WIDTH, HEIGHT = 128, 96


def bright(moment: int) -> Any:
    return (np.arange(WIDTH) + 16 * moment) % 64 < 32


def field(moment: int) -> Any:
    """Blue and red bars that move by half their width from field to field: 4:2:0."""
    luma = np.where(bright(moment), 180, 60).astype(np.uint8)[None].repeat(HEIGHT // 2, 0)
    blue = np.where(bright(moment)[::2], 160, 90).astype(np.uint8)[None].repeat(HEIGHT // 4, 0)
    chroma = np.stack((blue, 250 - blue)).reshape(HEIGHT // 4, WIDTH)
    return np.concatenate((luma, chroma))


def clip(path: Path, top_first: bool, count: int = 8) -> Path:
    return write_interlaced(path, [field(moment) for moment in range(count)], top_first)


def blurred(job: VideoJob, compose: Callable[[Any, float], Any] | None = None) -> VideoReport:
    def same(picture: Image, _: float) -> tuple[Image, Alpha]:
        return picture, np.ones(picture.shape[:2], np.float32)

    return blur_video(job, lambda picture: picture, compose or same)


@pytest.mark.parametrize("top_first", [True, False])
def test_a_frame_becomes_one_whole_picture(tmp_path: Path, top_first: bool) -> None:
    reader = VideoReader(clip(tmp_path / "in.mp4", top_first))
    pictures = list(reader)
    assert [pts * reader.time_base for _, pts in pictures] == [n / reader.fps for n in range(4)]
    for index, (picture, _) in enumerate(pictures):
        lines = picture[8:-8].astype(int)
        assert np.abs(lines[1:] - lines[:-1]).mean() < 4  # no combs: neighbours look the same
        line = lines[HEIGHT // 4]
        as_first_field = bright(2 * index)
        assert ((line.mean(1) > 120) == as_first_field).mean() > 0.9
        bluer = line[:, 0] - line[:, 2]
        assert bluer[as_first_field].mean() > 40  # the colours of two moments do not mix
        assert bluer[~as_first_field].mean() < -40


@pytest.mark.parametrize("top_first", [True, False])
@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_fields_stay_fields(tmp_path: Path, ending: str, top_first: bool) -> None:
    source = clip(tmp_path / "in.mp4", top_first)
    target = tmp_path / f"out.{ending}"
    seconds: list[float] = []

    def compose(picture: Image, at: float) -> tuple[Image, Alpha]:
        assert picture.shape == (HEIGHT, WIDTH, 3)
        seconds.append(at)
        return picture, np.ones(picture.shape[:2], np.float32)

    report = blurred(VideoJob(source, target, keep_interlaced=True), compose)
    assert report.frames == 4
    assert seconds == pytest.approx([n / 50 for n in range(8)])
    for moment, found in enumerate(read_fields(target, top_first)):
        assert np.abs(found.astype(int) - field(moment))[:, 8:-8].mean() < 3


def test_each_field_is_blurred_at_its_own_moment(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", top_first=True)
    target = tmp_path / "out.mp4"

    def compose(picture: Image, at: float) -> tuple[Image, Alpha]:
        shade = 60 + 20 * round(at * 50)
        return np.full_like(picture, shade), np.ones(picture.shape[:2], np.float32)

    blurred(VideoJob(source, target, keep_interlaced=True), compose)
    luma = [found[: HEIGHT // 2].mean() for found in read_fields(target, top_first=True)]
    assert np.abs(luma - np.array([16 + (60 + 20 * n) * 219 / 255 for n in range(8)])).max() < 2


def test_a_result_that_cannot_be_interlaced_is_refused_in_one_line(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", top_first=True)
    with pytest.raises(UsageError, match=r"interlaced video to out.webm: .* \.mp4, \.mkv or \.mov"):
        blurred(VideoJob(source, tmp_path / "out.webm", keep_interlaced=True))


def test_a_progressive_clip_has_no_fields_to_keep(tmp_path: Path) -> None:
    from support.media.written_clips import gray_steps

    reader = VideoReader(gray_steps(tmp_path / "in.mp4", 3), keep=Keep(fields=True))
    assert (reader.fields, len(list(reader))) == (None, 3)
