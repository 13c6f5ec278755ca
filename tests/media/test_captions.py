"""Closed captions in the picture (CEA-608/708 in ATSC A/53's words) are kept or named."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.sidedata.sidedata import Type

from bgblur.frame import Alpha, Image
from bgblur.media.reader import Keep, VideoReader
from bgblur.media.side_data import side_data_of
from bgblur.offline.video import VideoJob, VideoReport, blur_video

COUNT = 6


def caption(number: int) -> bytes:
    return bytes([0xFC, 0x80 + number, 0x41])


def write_captioned(
    path: Path, size: tuple[int, int] = (64, 48), options: str = "", stored: str = "yuv420p"
) -> Path:
    """A clip with a caption in each picture, as the SEI that encoders of broadcasts write."""
    with av.open(str(path), "w", format="h264") as container:
        stream = container.add_stream("libx264", 25, {"bf": "0", "x264-params": options})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = stored
        frames: list[av.VideoFrame | None] = []
        for index in range(COUNT):
            picture = np.full((size[1], size[0], 3), 40 * index, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            frames.append(frame)
        number = 0
        for each in [*frames, None]:
            for packet in stream.encode(each):
                data = bytes(packet)
                words = b"\xb5\x00\x31GA94\x03\x41\xff" + caption(number) + b"\xff"
                sei = b"\0\0\1\x06\x04" + bytes([len(words)]) + words + b"\x80"
                picture_at = max(data.find(b"\0\0\1\x65"), data.find(b"\0\0\1\x41"), 0)
                made = av.Packet(data[:picture_at] + sei + data[picture_at:])
                made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
                made.stream = stream
                container.mux(made)
                number += 1
    return path


def captions_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        found = [side_data_of(frame, Type.A53_CC) for frame in container.decode(video=0)]
    return [bytes(each) for each in found if each is not None]


def dimmed(source: Path, target: Path, **more: bool) -> VideoReport:
    def compose(picture: Image, _: float) -> tuple[Image, Alpha]:
        return picture // 2, np.ones(picture.shape[:2], np.float32)

    return blur_video(VideoJob(source, target, **more), lambda picture: picture, compose)  # type: ignore[arg-type]


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
@pytest.mark.parametrize("size", [(64, 48), (66, 50)])
def test_captions_stay_with_their_pictures(
    tmp_path: Path, ending: str, size: tuple[int, int]
) -> None:
    source = write_captioned(tmp_path / "in.h264", size)
    assert captions_of(source) == [caption(n) for n in range(COUNT)]
    report = dimmed(source, tmp_path / f"out.{ending}")
    assert report.warnings == []
    assert captions_of(tmp_path / f"out.{ending}") == [caption(n) for n in range(COUNT)]
    levels = [int(p.mean()) for p, _ in VideoReader(tmp_path / f"out.{ending}")]
    assert levels == pytest.approx([20 * n for n in range(COUNT)], abs=2)  # not the source's pixels


def test_captions_of_interlaced_pictures_stay(tmp_path: Path) -> None:
    source = write_captioned(tmp_path / "in.h264", options="tff=1")
    dimmed(source, tmp_path / "out.mkv", keep_interlaced=True)
    assert captions_of(tmp_path / "out.mkv") == [caption(n) for n in range(COUNT)]
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert next(container.decode(video=0)).interlaced_frame


def test_captions_of_ten_bits_stay(tmp_path: Path) -> None:
    source = write_captioned(tmp_path / "in.h264", stored="yuv420p10le")

    def compose(picture: Any, *_: Any) -> tuple[Any, Alpha]:
        return picture, np.ones(picture.shape[:2], np.float32)

    job = VideoJob(source, tmp_path / "out.mp4")
    report = blur_video(job, lambda picture: picture, compose, compose_deep=compose)
    assert report.warnings == []
    assert captions_of(job.target) == [caption(n) for n in range(COUNT)]
    with av.open(str(job.target)) as container:
        assert next(container.decode(video=0)).format.name == "yuv420p10le"


def test_captions_that_an_encoder_does_not_hold_are_one_line(tmp_path: Path) -> None:
    source = write_captioned(tmp_path / "in.h264")
    (line,) = dimmed(source, tmp_path / "out.webm").warnings
    assert line.startswith("the closed captions in the picture are not in out.webm")


def test_a_clip_that_is_played_keeps_none_of_its_frames(tmp_path: Path) -> None:
    source = write_captioned(tmp_path / "in.h264")
    for keep in (Keep(), Keep(captions=True)):
        reader = VideoReader(source, keep=keep)
        assert len(list(reader)) == COUNT
        assert len(reader.captions) == (COUNT if keep.captions else 0)
