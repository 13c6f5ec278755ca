"""Sound that is copied into a written video."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from support.media.video_files import probe, writer

Tone = Callable[[str, str, int], Path]


@pytest.fixture
def tone(tmp_path: Path) -> Tone:
    """(name, codec, seconds) -> a file with a sine tone and nothing else."""

    def make(name: str, codec: str, seconds: int) -> Path:
        rate = 48000
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate)
            assert isinstance(stream, av.AudioStream)
            wave = (8000 * np.sin(np.arange(rate * seconds) * 440 * 2 * np.pi / rate)).astype("<i2")
            frame = av.AudioFrame.from_ndarray(np.repeat(wave, 2)[None], layout="stereo")
            frame.sample_rate, frame.pts = rate, 0
            for piece in av.AudioResampler(stream.format, stream.layout, rate, 960).resample(frame):
                container.mux(stream.encode(piece))
            container.mux(stream.encode(None))
        return path

    return make


def audio_packets(path: Path) -> list[tuple[bytes, float]]:
    with av.open(str(path)) as container:
        return [
            (bytes(packet), float(packet.pts * packet.time_base))
            for packet in container.demux(audio=0)
            if packet.size and packet.pts is not None
        ]


@pytest.mark.parametrize(
    ("source", "codec", "target"),
    [
        ("tone.m4a", "aac", "a.mp4"),
        ("tone.m4a", "aac", "a.mkv"),
        ("tone.mkv", "libopus", "a.webm"),
        ("tone.mkv", "pcm_s16le", "a.mov"),
    ],
)
@pytest.mark.parametrize("seconds", [1, 6])
def test_the_sound_is_copied_bit_for_bit(
    tmp_path: Path, tone: Tone, source: str, codec: str, target: str, seconds: int
) -> None:
    """Sound shorter and longer than the video's four seconds."""
    sound = tone(source, codec, seconds)
    with writer(tmp_path / target, rest_from=sound) as video:
        for pts in range(100):
            video.write(np.full((48, 64, 3), pts, np.uint8), pts)
    assert video.warnings == []
    before, after = audio_packets(sound), audio_packets(tmp_path / target)
    assert b"".join(data for data, _ in after) == b"".join(data for data, _ in before)
    kinds = {stream["codec_type"] for stream in probe(tmp_path / target)["streams"]}
    assert kinds == {"video", "audio"}
    if codec.startswith("pcm"):
        return  # raw sound has no packets: each container divides it differently
    assert [data for data, _ in after] == [data for data, _ in before]
    shift = {round(b - a, 2) for (_, a), (_, b) in zip(before, after, strict=True)}
    assert len(shift) <= 2  # one shift, and a millisecond's rounding around it
    assert max(map(abs, shift)) <= 0.03


def test_sound_and_picture_are_interleaved_in_the_file(tmp_path: Path, tone: Tone) -> None:
    sound = tone("tone.m4a", "aac", 20)
    with writer(tmp_path / "a.mkv", rest_from=sound) as video:
        for pts in range(500):
            video.write(np.full((48, 64, 3), pts % 256, np.uint8), pts)
    latest = {"video": 0.0, "audio": 0.0}
    with av.open(str(tmp_path / "a.mkv")) as container:
        for packet in container.demux():
            if packet.dts is not None:
                latest[packet.stream.type] = float(packet.dts * packet.time_base)
                assert abs(latest["video"] - latest["audio"]) < 1.0


def test_sound_that_the_container_cannot_hold_is_left_out_with_one_warning(
    tmp_path: Path, tone: Tone
) -> None:
    with writer(tmp_path / "a.webm", rest_from=tone("tone.m4a", "aac", 1)) as video:
        video.write(np.zeros((48, 64, 3), np.uint8), 0)
    (line,) = video.warnings
    assert "aac" in line
    assert "webm" in line
    assert "\n" not in line
    assert [stream["codec_name"] for stream in probe(tmp_path / "a.webm")["streams"]] == ["vp9"]


@pytest.mark.parametrize("codec", ["libopus", "flac"])
def test_sound_that_is_refused_only_at_the_start_is_left_out(
    tmp_path: Path, tone: Tone, codec: str
) -> None:
    with writer(tmp_path / "a.mov", rest_from=tone("tone.mkv", codec, 1)) as video:
        video.write(np.zeros((48, 64, 3), np.uint8), 0)
    (line,) = video.warnings
    assert codec.removeprefix("lib") in line
    assert "would not fit into a mov file" in line
    assert [stream["codec_name"] for stream in probe(tmp_path / "a.mov")["streams"]] == ["h264"]
    assert [path.name for path in tmp_path.glob("*a*.mov")] == ["a.mov"]
