"""What an edit list hides must not be written: a clip that was trimmed was trimmed for a reason."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from support.media.edit_lists import edit
from support.media.made_by_ffmpeg import as_it_is

RATE = 48000
SECRET, OPEN = 1000, 300  # hertz: what is heard in the part that is cut away, and in the rest


def recording(path: Path, codec: str = "aac") -> Path:
    """Two seconds. The middle of the sound, .5 to 1 s, is secret; so are its pictures, in white."""
    seconds = np.arange(2 * RATE) / RATE
    secret = (seconds >= 0.5) & (seconds < 1)
    wave = np.where(secret, np.sin(2 * np.pi * SECRET * seconds), 0.0)
    wave += np.where(secret, 0.0, np.sin(2 * np.pi * OPEN * seconds))
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", 20, {"g": "100"}, time_base=Fraction(1, 1000))
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream(codec, RATE, layout="mono", bit_rate=128_000)
        assert isinstance(sound, av.AudioStream)
        for index in range(40):
            picture = np.full((48, 64, 3), 255 if 10 <= index < 20 else 60, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = 50 * index, Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        whole = av.AudioFrame.from_ndarray(
            (wave / 2).astype(np.float32)[None], format="fltp", layout="mono"
        )
        whole.sample_rate, whole.pts, whole.time_base = RATE, 0, Fraction(1, RATE)
        for piece in av.AudioResampler(sound.format, "mono", RATE, 1024).resample(whole):
            container.mux(sound.encode(piece))
        container.mux(sound.encode(None))
    return path


def offsets(path: Path) -> tuple[int, int, int]:
    """The media time of the first picture and of the first sample, and the picture's ticks."""
    with av.open(str(path)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        assert video.time_base is not None
        ticks = video.time_base.denominator
    with av.open(str(path), options={"ignore_editlist": "1"}) as raw:
        first = min(p.pts for p in raw.demux(video=0) if p.pts is not None)
    return first, 1024 if sound.codec_context.name == "aac" else 0, ticks


def cut(path: Path, *parts: tuple[float, float]) -> Path:
    """Show only these (begin, end), in seconds."""
    picture, sample, ticks = offsets(path)
    edits = {
        handler: [(round(1000 * (end - at)), first + round(at * per)) for at, end in parts]
        for handler, first, per in ((b"vide", picture, ticks), (b"soun", sample, RATE))
    }
    edit(path, edits)
    return path


def everything(path: Path) -> tuple[NDArray[np.float32], list[float]]:
    """All that lies in the file, presented or not: its samples, its pictures' brightness."""
    options = {"ignore_editlist": "1"} if path.suffix in (".mov", ".mp4") else {}
    with av.open(str(path), options=options) as container:
        sound = [
            np.atleast_2d(piece.to_ndarray())[0]
            for frame in container.decode(audio=0)
            for piece in av.AudioResampler("fltp", "mono", RATE).resample(frame)
        ]
    with av.open(str(path), options=options) as container:
        light = [
            float(frame.to_ndarray(format="gray").mean()) for frame in container.decode(video=0)
        ]
    return np.concatenate(sound), light


def loudness(samples: NDArray[np.float32], pitch: int) -> float:
    """The loudest 20 ms at ``pitch``, as an amplitude."""
    step = RATE // 50
    blocks = samples[: len(samples) // step * step].reshape(-1, step)
    turn = np.exp(-2j * np.pi * pitch * np.arange(step) / RATE)
    return float((np.abs(blocks @ turn) * 2 / step).max())


PARTS = {
    "end": ((0.0, 0.5),),
    "begin": ((1.0, 2.0),),
    "middle": ((0.0, 0.5), (1.0, 2.0)),
}


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize(
    ("source", "target", "codec"),
    [
        ("in.mp4", "out.mp4", "aac"),
        ("in.mov", "out.mov", "aac"),
        ("in.mov", "out.mkv", "aac"),
        ("in.mp4", "out.webm", "aac"),
        ("in.mov", "out.mov", "pcm_s16le"),
        ("in.mov", "out.mkv", "alac"),
    ],
)
def test_what_was_cut_is_not_in_the_file(
    tmp_path: Path, source: str, target: str, codec: str, parts: str
) -> None:
    path = recording(tmp_path / source, codec)
    assert loudness(everything(path)[0], SECRET) > 0.4
    as_it_is(cut(path, *PARTS[parts]), tmp_path / target)
    samples, light = everything(tmp_path / target)
    kept = sum(end - begin for begin, end in PARTS[parts])
    assert loudness(samples, SECRET) < 0.05
    assert loudness(samples, OPEN) > 0.4
    assert len(samples) / RATE == pytest.approx(kept, abs=0.09)  # with the encoder's padding
    assert max(light) < 120
    assert len(light) == pytest.approx(20 * kept, abs=1)


@pytest.mark.parametrize("target", ["out.mp4", "out.mkv", "out.mov"])
def test_both_begin_together(tmp_path: Path, target: str) -> None:
    as_it_is(cut(recording(tmp_path / "in.mp4"), (1.0, 2.0)), tmp_path / target)
    with av.open(str(tmp_path / target)) as container:
        picture = next(container.decode(container.streams.video[0])).time
        assert (container.duration or 0) / av.time_base == pytest.approx(1, abs=0.06)
    with av.open(str(tmp_path / target)) as container:
        sound = next(container.decode(container.streams.audio[0])).time
    assert picture == pytest.approx(0, abs=0.03)
    assert sound == pytest.approx(picture, abs=0.03)


def test_a_picture_is_shown_no_longer_than_the_edit(tmp_path: Path) -> None:
    as_it_is(cut(recording(tmp_path / "in.mp4"), (0.0, 0.41)), tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as container:
        ends = [
            (p.pts + (p.duration or 0)) * p.time_base
            for p in container.demux(video=0)
            if p.pts is not None
        ]
    assert float(max(ends)) == pytest.approx(0.41 + 0.021, abs=0.012)  # the sound's priming


def test_a_short_cut_is_one_too(tmp_path: Path) -> None:
    """As much is hidden as an encoder's priming, but it can be heard."""
    path = recording(tmp_path / "in.mp4")
    (line,) = as_it_is(cut(path, (0.98, 2.0)), tmp_path / "out.mp4").warnings
    assert "trimmed off" in line
    path = cut(recording(tmp_path / "b.mp4"), (0.03, 0.5))
    (line,) = as_it_is(path, tmp_path / "b-out.mp4").warnings
    assert "trimmed off" in line


def test_an_encoders_own_priming_is_copied(tmp_path: Path) -> None:
    path = recording(tmp_path / "in.mp4")
    assert as_it_is(path, tmp_path / "out.mp4").warnings == []


def test_a_last_packet_that_says_too_much_is_left_out(tmp_path: Path) -> None:
    """Up to 21 ms; the sound need not be re-encoded for that."""
    path = cut(recording(tmp_path / "in.mp4"), (0.0, 0.505))
    assert as_it_is(path, tmp_path / "out.mp4").warnings == []
    samples, _ = everything(tmp_path / "out.mp4")
    assert 0.48 < (len(samples) - 1024) / RATE <= 0.505


def test_sound_that_nothing_decodes_does_not_stop_the_work(tmp_path: Path) -> None:
    path = recording(tmp_path / "in.mp4")
    path.write_bytes(path.read_bytes().replace(b"mp4a", b"zzzz"))
    assert as_it_is(path, tmp_path / "out.mkv").frames == 40
