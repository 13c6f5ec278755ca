"""Clips with transparent parts: their opacity is kept where the result holds it, and a colour that
they hide is never shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from support.media.odd_clips import WITH_OPACITY, write_opacity
from support.media.written_clips import gray_steps

from bgblur.frame import Alpha, Image
from bgblur.media.reader import Keep, VideoReader
from bgblur.offline.video import VideoJob, VideoReport, blur_video

SHOWN, HALF, HIDDEN = (200, 60, 90), (40, 120, 180), (10, 250, 20)


def bands() -> Any:
    """BGRA, three bands of 32 rows: opaque, half transparent, hidden."""
    colours = np.array([(*SHOWN, 255), (*HALF, 128), (*HIDDEN, 0)], np.uint8)
    return colours.repeat(32, 0)[:, None].repeat(64, 1)


def middles(picture: Any) -> Any:
    return picture[16::32, 32].astype(int)


def unchanged(source: Path, target: Path) -> VideoReport:
    def compose(picture: Image, _: float) -> tuple[Image, Alpha]:
        assert picture.shape == (96, 64, 3)
        return picture, np.ones(picture.shape[:2], np.float32)

    return blur_video(VideoJob(source, target), lambda picture: picture, compose)


def stored(path: Path) -> Any:
    """The middles of the bands in BGRA, read with FFmpeg's decoder for this kind."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        vp9 = stream.codec_context.name == "vp9"
        decoder = av.CodecContext.create("libvpx-vp9", "r") if vp9 else stream.codec_context
        for packet in container.demux(stream):
            for frame in decoder.decode(packet):
                return middles(frame.to_ndarray(format="bgra"))
    raise AssertionError("no picture")


@pytest.mark.parametrize("kind", WITH_OPACITY)
def test_opacity_is_read_or_over_white(tmp_path: Path, kind: str) -> None:
    path = write_opacity(tmp_path / kind, kind, [bands()] * 2)
    over_white = np.array([SHOWN, [round(255 + (c - 255) * 128 / 255) for c in HALF], [255] * 3])
    for fast in (False, True):
        reader = VideoReader(path, fast=fast)
        pictures = [picture for picture, _ in reader]
        assert (len(pictures), reader.transparent, reader.opacity) == (2, True, False)
        assert pictures[0].shape == (96, 64, 3)
        assert np.abs(middles(pictures[0]) - over_white).max() <= 6
    reader = VideoReader(path, keep=Keep(opacity=True))
    picture = next(iter(reader))[0]
    assert reader.opacity
    assert np.abs(middles(picture)[:, 3] - [255, 128, 0]).max() <= 2
    assert np.abs(middles(picture)[:2, :3] - [SHOWN, HALF]).max() <= 6
    assert (middles(picture)[2, :3] == 255).all()


@pytest.mark.parametrize("ending", [".mov", ".webm", ".mkv"])
@pytest.mark.parametrize("kind", ["vp9.webm", "animation.mov"])
def test_opacity_is_kept_where_the_result_holds_it(tmp_path: Path, kind: str, ending: str) -> None:
    source = write_opacity(tmp_path / kind, kind, [bands()] * 2)
    target = tmp_path / f"out{ending}"
    assert unchanged(source, target).warnings == []
    found = stored(target)
    assert np.abs(found[:, 3] - [255, 128, 0]).max() <= 3
    assert np.abs(found[:2, :3] - [SHOWN, HALF]).max() <= 8
    assert (found[2, :3] > 240).all()  # nothing of the hidden green


def test_a_result_without_opacity_is_over_white_and_says_so(tmp_path: Path) -> None:
    source = write_opacity(tmp_path / "in.mov", "animation.mov", [bands()] * 2)
    (warning,) = unchanged(source, tmp_path / "out.mp4").warnings
    assert warning.startswith("in.mov has transparent parts")
    assert ".mov, .webm or .mkv" in warning
    assert np.abs(stored(tmp_path / "out.mp4")[2, :3] - 255).max() <= 4


def test_a_clip_that_only_could_be_transparent_gives_no_warning(tmp_path: Path) -> None:
    opaque = bands()
    opaque[..., 3] = 255
    source = write_opacity(tmp_path / "in.mov", "animation.mov", [opaque] * 2)
    assert unchanged(source, tmp_path / "out.mp4").warnings == []


def test_a_clip_without_opacity_gets_none(tmp_path: Path) -> None:
    assert not VideoReader(gray_steps(tmp_path / "in.mp4", 2), keep=Keep(opacity=True)).opacity
