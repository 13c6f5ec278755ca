"""HDR recordings stay HDR, with 10 bits, their tags and their mastering data."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.sidedata.sidedata import Type

from bgblur.compositing.deep import DeepCompositor, Paint
from bgblur.compositing.look import Look
from bgblur.frame import Alpha, Image
from bgblur.imaging.hdr import Transfer, from_srgb, hlg_signal, pq_light, pq_signal
from bgblur.media.reader import Keep, VideoReader
from bgblur.offline.video import VideoJob, VideoReport, blur_video

PQ, HLG = 16, 18
MASTERING = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
WIDTH, HEIGHT = 320, 64


def write_hdr(path: Path, transfer: int = PQ, count: int = 2) -> Path:
    """Frames of a gray ramp over all 10-bit levels, 64 to 940."""
    ramp = np.rint(np.linspace(64, 940, WIDTH)).astype(np.uint16)[None].repeat(HEIGHT, 0)
    params = f"log-level=error:bframes=0:lossless=1:{MASTERING}:max-cll=1000,400"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx265", 25, {"x265-params": params})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_range = 9, 1
        context.color_primaries, context.color_trc = 9, transfer
        for index in range(count):
            frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p10le")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            for plane in frame.planes:
                stored = np.full((plane.height, plane.line_size // 2), 512, np.uint16)
                if plane.width == WIDTH:
                    stored[:, :WIDTH] = ramp
                plane.update(stored.tobytes())
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def first(path: Path) -> Any:
    with av.open(str(path)) as container:
        return next(container.decode(video=0))


def luma(frame: Any) -> Any:
    plane = frame.planes[0]
    return np.frombuffer(plane, np.uint16).reshape(frame.height, -1)[8:-8, : frame.width]


def unchanged(job: VideoJob, deep: bool = True) -> VideoReport:
    def compose(picture: Image, _: float) -> tuple[Image, Alpha]:
        return picture, np.ones(picture.shape[:2], np.float32)

    def compose_deep(
        picture: Any, segmented: Image, seconds: float, paint: Paint
    ) -> tuple[Any, Alpha]:
        assert picture.dtype == np.uint16
        assert segmented.dtype == np.uint8
        return picture, np.ones(picture.shape[:2], np.float32)

    return blur_video(job, lambda p: p, compose, compose_deep=compose_deep if deep else None)


@pytest.mark.parametrize("transfer", [PQ, HLG])
@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
def test_hdr_stays_hdr(tmp_path: Path, ending: str, transfer: int) -> None:
    source = write_hdr(tmp_path / "in.mp4", transfer)
    target = tmp_path / f"out.{ending}"
    assert unchanged(VideoJob(source, target)).warnings == []
    before, after = first(source), first(target)
    assert after.format.name == "yuv420p10le"
    for tag in ("color_trc", "color_primaries", "colorspace", "color_range"):
        assert getattr(after, tag) == getattr(before, tag)
    assert (after.color_trc, after.color_primaries, after.colorspace) == (transfer, 9, 9)
    for kind in (Type.MASTERING_DISPLAY_METADATA, Type.CONTENT_LIGHT_LEVEL):
        assert bytes(after.side_data[kind]) == bytes(before.side_data[kind])
    assert np.abs(luma(after).astype(int) - luma(before)).mean() < 1.5
    assert len(np.unique(luma(after).mean(0).round())) > 280  # of 320 columns: no bands of 8 bits


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_clip_of_few_frames_is_written(tmp_path: Path, count: int) -> None:
    source = write_hdr(tmp_path / "in.mp4", count=count)
    for attempt in range(8):  # x265's time stamps of them are what its memory held
        target = tmp_path / f"{attempt}.mp4"
        unchanged(VideoJob(source, target))
        reader = VideoReader(target, keep=Keep(depth=True))
        assert [pts * reader.time_base for _, pts in reader] == [
            n / reader.fps for n in range(count)
        ]


def test_ten_bits_that_are_not_hdr_stay_ten_bits(tmp_path: Path) -> None:
    source = write_hdr(tmp_path / "in.mp4", transfer=1)
    assert unchanged(VideoJob(source, tmp_path / "out.mkv")).warnings == []
    assert first(tmp_path / "out.mkv").format.name == "yuv420p10le"


def test_ten_bits_that_become_eight_are_one_line(tmp_path: Path) -> None:
    source = write_hdr(tmp_path / "in.mp4", transfer=1)
    (warning,) = unchanged(VideoJob(source, tmp_path / "out.webm")).warnings
    assert warning.startswith("in.mp4 has 10 bits or more, and .webm results have 8: write to .mp4")
    assert unchanged(VideoJob(source, tmp_path / "asked.webm", sdr=True)).warnings == []


@pytest.mark.slow  # swscale prepares its tone mapping for seconds
def test_where_hdr_cannot_be_kept_it_becomes_sdr_and_says_so(tmp_path: Path) -> None:
    source = write_hdr(tmp_path / "in.mp4")
    (warning,) = unchanged(VideoJob(source, tmp_path / "out.webm")).warnings
    assert warning.startswith("in.mp4 is HDR")
    after = first(tmp_path / "out.webm")
    assert (after.format.name, after.color_trc, after.color_primaries) == ("yuv420p", 1, 1)
    shown = np.asarray(after.to_ndarray(format="gray"))[8].astype(int)
    assert (np.diff(shown) >= -2).all()
    at_100_nits = int((64 + 876 * pq_signal(100.0) - 64) / 876 * WIDTH)
    assert 100 < shown[at_100_nits] < 200  # PQ's code is 508 of 1023 there, a picture's middle
    assert shown[-1] > 250


def test_a_clip_played_live_is_shown_as_sdr_too(tmp_path: Path) -> None:
    picture = next(iter(VideoReader(write_hdr(tmp_path / "in.mp4"), fast=True)))[0]
    at_203_nits = int(pq_signal(203.0) * WIDTH)
    assert picture.dtype == np.uint8
    assert 225 < picture[8, at_203_nits].mean() < 250  # 148 where PQ is taken for sRGB


# What FFmpeg 8.1's swscale makes of them, within a level of 10 bits: B, G, R.
KNOWN: list[tuple[Transfer, tuple[int, int, int], tuple[float, float, float]]] = [
    ("pq", (255, 255, 255), (0.5798, 0.5798, 0.5798)),
    ("pq", (64, 177, 0), (0.3434, 0.4877, 0.3916)),
    ("pq", (0, 0, 255), (0.2195, 0.3263, 0.5316)),
    ("hlg", (255, 255, 255), (0.7484, 0.7484, 0.7484)),
    ("hlg", (64, 177, 0), (0.2845, 0.6014, 0.3746)),
    ("hlg", (0, 0, 255), (0.1294, 0.2656, 0.7070)),
    ("hlg", (0, 0, 0), (0, 0, 0)),
]


@pytest.mark.parametrize(("transfer", "color", "signal"), KNOWN)
def test_srgb_in_hdr(transfer: Transfer, color: Any, signal: Any) -> None:
    found = from_srgb(np.full((2, 3, 3), color, np.uint8), transfer)
    assert found.dtype == np.uint16
    assert np.abs(found[1, 2] / 65535 - signal).max() < 2 / 1023


def test_reference_white_has_the_signal_of_bt_2408() -> None:
    assert pq_signal(203.0) == pytest.approx(0.58, abs=0.002)
    assert hlg_signal(np.full(3, 203.0)) == pytest.approx([0.75] * 3, abs=0.002)
    assert pq_light(pq_signal(np.array([0.0, 1, 100, 10000]))) == pytest.approx(
        [0, 1, 100, 10000], abs=1e-3, rel=1e-4
    )


def test_a_plain_ground_has_its_colour_and_the_person_stays() -> None:
    picture = np.full((60, 80, 3), 30000, np.uint16)
    alpha = np.zeros((60, 80), np.float32)
    alpha[:, 40:] = 1
    deep = DeepCompositor(lambda srgb: from_srgb(srgb, "pq"))
    result = deep.compose(picture, alpha, Look(mode="color", color=(64, 177, 0)), 0)
    assert (result[:, 40:] == 30000).all()
    assert np.abs(result[5, 5] / 65535 - (0.3434, 0.4877, 0.3916)).max() < 2 / 1023


def test_the_blurred_room_has_no_steps_of_8_bits_and_nothing_of_its_detail() -> None:
    ramp = np.linspace(20000, 24000, 640).astype(np.uint16)[None, :, None]
    picture = ramp.repeat(360, 0).repeat(3, 2)
    picture[::2] += 3000  # detail
    alpha = np.zeros(picture.shape[:2], np.float32)
    alpha[:, :40] = 1
    result = DeepCompositor(lambda srgb: srgb).compose(picture, alpha, Look(strength=60), 0)  # type: ignore[arg-type,return-value]
    assert (result[:, :40] == picture[:, :40]).all()
    room = result[150:200, 80:600, 1].astype(int)
    assert len(np.unique(room[20])) > 200  # 4000 levels of 16 bits are 16 of 8
    assert np.abs(np.diff(room, axis=0)).max() < 60
    raw = DeepCompositor(lambda srgb: srgb).compose(picture, alpha, Look(mode="none"), 0)  # type: ignore[arg-type,return-value]
    assert (raw == picture).all()
