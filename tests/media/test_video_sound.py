"""Sound that is copied into a written video."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
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
            stream.bit_rate = 128_000
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


def payload(path: Path) -> bytes:
    return b"".join(data for data, _ in audio_packets(path))


def heard(path: Path) -> NDArray[np.float32]:
    """The sound as players give it, in one channel, -1..1, from time zero on."""
    pieces: list[NDArray[np.float32]] = []
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("fltp", "mono", 48000)
        for frame in container.decode(audio=0):
            if not pieces:
                pieces.append(np.zeros(max(0, round((frame.time or 0) * 48000)), np.float32))
            pieces += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
        pieces += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
    return np.concatenate(pieces)


def pitch(samples: NDArray[np.float32]) -> float:
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.argmax(spectrum) * 48000 / len(samples))


@pytest.mark.parametrize(
    ("source", "codec", "target"),
    [
        ("tone.wmv", "wmav2", "a.mkv"),
        ("tone.avi", "adpcm_ima_wav", "a.mkv"),
        ("tone.avi", "adpcm_ms", "a.mkv"),
        ("tone.mov", "pcm_mulaw", "a.mkv"),
        ("tone.mov", "pcm_mulaw", "a.mov"),
        ("tone.avi", "pcm_alaw", "a.mkv"),
        ("tone.avi", "pcm_alaw", "a.mov"),
        ("tone.mov", "adpcm_ima_qt", "a.mov"),
    ],
)
def test_what_ffmpeg_lets_a_container_hold_is_copied(
    tmp_path: Path, tone: Tone, source: str, codec: str, target: str
) -> None:
    sound = tone(source, codec, 1)
    with writer(tmp_path / target, rest_from=sound) as video:
        video.write(np.zeros((48, 64, 3), np.uint8), 0)
    assert video.warnings == []
    assert payload(tmp_path / target) == payload(sound)
    assert pitch(heard(tmp_path / target)) == pytest.approx(440, abs=3)


@pytest.mark.parametrize(
    ("source", "codec", "target", "becomes"),
    [
        ("tone.wmv", "wmav2", "a.mp4", "aac"),
        ("tone.avi", "adpcm_ms", "a.mp4", "aac"),
        ("tone.avi", "adpcm_ms", "a.mov", "aac"),  # FFmpeg writes its header, but no packet
        ("tone.wmv", "wmav2", "a.mov", "aac"),  # FFmpeg writes it, but cannot read it back
        ("tone.mov", "pcm_mulaw", "a.mp4", "aac"),
        ("tone.mov", "adpcm_ima_qt", "a.mkv", "flac"),
        ("tone.m4a", "aac", "a.webm", "opus"),
        ("tone.avi", "pcm_s16le", "a.webm", "opus"),
        ("tone.mkv", "libopus", "a.mov", "aac"),
        ("tone.mkv", "flac", "a.mov", "aac"),
    ],
)
def test_sound_that_a_container_cannot_hold_is_encoded_again(
    tmp_path: Path, tone: Tone, source: str, codec: str, target: str, becomes: str
) -> None:
    sound = tone(source, codec, 1)
    with writer(tmp_path / target, rest_from=sound) as video:
        video.write(np.zeros((48, 64, 3), np.uint8), 0)
    (line,) = video.warnings
    assert "re-encoded as" in line
    assert becomes in line
    assert "\n" not in line
    streams = probe(tmp_path / target)["streams"]
    assert [stream["codec_name"] for stream in streams][1:] == [becomes]
    before, after = heard(sound), heard(tmp_path / target)
    assert len(after) == pytest.approx(len(before), abs=2100)  # a codec's last packet may be short
    middle = slice(12000, 36000)
    assert pitch(after[middle]) == pytest.approx(440, abs=3)
    assert np.std(after[middle]) == pytest.approx(np.std(before[middle]), rel=0.03)
    # It stays beside the picture: the loudest overlap is where it was.
    shifts = range(-30, 31)  # within half a period of the tone
    same = [float(np.dot(before[middle], np.roll(after, shift)[middle])) for shift in shifts]
    assert abs(shifts[int(np.argmax(same))]) <= 2


def test_a_gap_in_sound_that_is_encoded_again_stays(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "gap.mkv"), "w") as container:
        stream = container.add_stream("aac", 48000)
        assert isinstance(stream, av.AudioStream)
        wave = np.sin(np.arange(1024) * 440 * 2 * np.pi / 48000).astype(np.float32) / 2
        for index in (*range(10), *range(100, 110)):
            frame = av.AudioFrame.from_ndarray(np.repeat(wave[None], 2, 0), "fltp", "stereo")
            frame.sample_rate, frame.pts = 48000, 1024 * index
            frame.time_base = Fraction(1, 48000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with writer(tmp_path / "a.webm", rest_from=tmp_path / "gap.mkv") as video:
        video.write(np.zeros((48, 64, 3), np.uint8), 0)
    loud = np.abs(heard(tmp_path / "a.webm")) > 0.1
    assert np.flatnonzero(loud).max() / 48000 == pytest.approx(110 * 1024 / 48000, abs=0.05)
    assert not loud[15 * 1024 : 98 * 1024].any()


def test_a_damaged_time_stamp_does_not_become_hours_of_silence(tmp_path: Path, tone: Tone) -> None:
    sound = tone("tone.mkv", "libmp3lame", 2)  # re-encoded for .webm
    with av.open(str(sound)) as whole, av.open(str(tmp_path / "jump.mkv"), "w") as broken:
        source = whole.streams.audio[0]
        assert source.time_base is not None
        copy = broken.add_stream_from_template(source)
        for number, packet in enumerate(whole.demux(source)):
            if packet.pts is None or packet.dts is None:
                continue
            later = round(20_000 / source.time_base) if number >= 20 else 0
            packet.pts, packet.dts, packet.stream = packet.pts + later, packet.dts + later, copy
            broken.mux(packet)
    with writer(tmp_path / "a.webm", rest_from=tmp_path / "jump.mkv") as video:
        for pts in range(50):
            video.write(np.full((48, 64, 3), pts, np.uint8), pts)
    heard = audio_packets(tmp_path / "a.webm")
    assert heard[-1][1] == pytest.approx(2, abs=0.1)


def test_sound_after_a_long_pause_is_beside_its_pictures(tmp_path: Path) -> None:
    """As of a recording whose microphone was off for twelve minutes."""
    rate, pause = 8000, 720
    with av.open(str(tmp_path / "pause.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        wave = (20000 * np.sin(np.arange(800) * 440 * 2 * np.pi / rate)).astype(np.int16)
        for at in (0, pause * rate):
            frame = av.AudioFrame.from_ndarray(wave[None], "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with writer(tmp_path / "a.webm", rest_from=tmp_path / "pause.mkv") as video:
        for minute in range(13):
            video.write(np.zeros((48, 64, 3), np.uint8), minute * 60 * 25)
    (line,) = video.warnings
    assert "re-encoded as opus" in line
    packets = audio_packets(tmp_path / "a.webm")
    loud = [at for data, at in packets if len(data) > 20]  # silence takes a few bytes
    assert max(loud) == pytest.approx(pause + 0.1, abs=0.05)
    assert not any(1 < at < pause - 1 for at in loud)
