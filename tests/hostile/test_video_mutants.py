"""Damaged recordings: a finished output or one line, soon, and within bounds of memory."""

from __future__ import annotations

import contextlib
import http.server
import os
import resource
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from support.fuzzing import FACTOR, one_line_at_most
from support.media.kinds_of_clips import CLIPS
from support.media.made_by_ffmpeg import needs_ffmpeg
from support.media.video_files import writer
from support.mutants import mutant

from bgblur.errors import CameraError, UsageError
from bgblur.frame import Alpha
from bgblur.media import player
from bgblur.media.reader import MOST_PIXELS, Keep, VideoReader
from bgblur.offline.video import VideoJob, blur_video
from bgblur.sources.video import VideoSource

KINDS = [".mp4", ".mkv", ".webm", ".mov"]
FRAMES = 12
MOST_FRAMES = 40 * FRAMES  # what a damaged index may make of them
MOST_SECONDS = 10.0
MOST_MEMORY = 1500  # MiB more than before


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A few noisy pictures with sound, in every container."""
    folder = tmp_path_factory.mktemp("clips")
    silent = folder / "silent.mkv"
    with writer(silent, 64, 48) as file:
        for index in range(FRAMES):
            noise = np.random.default_rng(index).integers(0, 255, (48, 64, 3))
            file.write(noise.astype(np.uint8), index)
    made = {}
    for kind in KINDS:
        path = folder / f"clip{kind}"
        add_sound(silent, path)
        made[kind] = path.read_bytes()
    return made


def add_sound(source: Path, target: Path) -> None:
    codec: Any = "libopus" if target.suffix == ".webm" else "aac"
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream("libvpx-vp9" if target.suffix == ".webm" else "libx264", 25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        sound = new.add_stream(codec, 48000)
        for index, frame in enumerate(old.decode(video=0)):
            frame.pts, frame.time_base = index, Fraction(1, 25)
            new.mux(stream.encode(frame))
        for part in range(20):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 2 * 960), np.int16), "s16", "stereo")
            silence.sample_rate, silence.pts = 48000, 960 * part
            new.mux(sound.encode(silence))
        new.mux(stream.encode(None))
        new.mux(sound.encode(None))


def nothing_found(image: Any) -> tuple[Any, Alpha]:
    return image, np.zeros(image.shape[:2], np.float32)


def memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def blurred(source: Path, target: Path) -> None:
    """``bgblur-cam video`` without the model: either it is whole, or it is not there."""
    frames = 0

    def count(done: int, *_: Any) -> None:
        nonlocal frames
        frames = done
        assert done < MOST_FRAMES

    began = time.process_time()
    before = set(target.parent.iterdir())
    try:
        with one_line_at_most():
            blur_video(
                VideoJob(source, target),
                lambda image: image,
                lambda image, _: nothing_found(image),
                on_progress=count,
                compose_deep=lambda picture, *_: nothing_found(picture),
            )
    finally:
        assert time.process_time() - began < MOST_SECONDS
    if target.exists():
        assert sum(1 for _ in VideoReader(target, keep=Keep(depth=True))) == frames
    else:
        assert set(target.parent.iterdir()) == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_recording(tmp_path: Path, clips: dict[str, bytes], kind: str) -> None:
    began = memory()
    for seed in range(24 * FACTOR):
        source, target = tmp_path / f"in{kind}", tmp_path / f"out{seed % 3}{kind}"
        source.write_bytes(mutant(clips[kind], seed))
        target.unlink(missing_ok=True)
        blurred(source, target)
    assert memory() - began < MOST_MEMORY


@needs_ffmpeg
@pytest.mark.parametrize("name", CLIPS)
def test_a_damaged_recording_with_more_in_it(tmp_path: Path, name: str) -> None:
    """Edit lists, subtitles, fonts, side data, 10 bits, fields, opacity."""
    (tmp_path / "whole").mkdir()
    CLIPS[name](tmp_path / "whole" / name)
    whole = (tmp_path / "whole" / name).read_bytes()
    began, kind = memory(), Path(name).suffix
    for seed in range(6 * FACTOR):
        source, target = tmp_path / f"in{kind}", tmp_path / f"out{kind}"
        source.write_bytes(mutant(whole, seed))
        target.unlink(missing_ok=True)
        blurred(source, target)
    assert memory() - began < MOST_MEMORY


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_clip_as_camera(
    tmp_path: Path, clips: dict[str, bytes], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It plays over and over, and ends in a CameraError at worst."""
    monkeypatch.setattr(player, "_LONGEST_WAIT", 0.0)
    for seed in range(12 * FACTOR):
        source = tmp_path / f"in{kind}"
        source.write_bytes(mutant(clips[kind], seed + 1))
        began = time.process_time()
        with contextlib.suppress(CameraError), one_line_at_most():
            camera = VideoSource(source)
            try:
                for _ in range(2 * FRAMES):
                    assert camera.read().image.shape == (camera.height, camera.width, 3)
            finally:
                camera.close()
        assert time.process_time() - began < MOST_SECONDS


def test_too_large_pictures_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.mkv"
    side = int(MOST_PIXELS**0.5) + 64
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", 25)
        stream.width = stream.height = side
        stream.pix_fmt = "gray"
        frame = av.VideoFrame.from_ndarray(np.zeros((side, side), np.uint8), "gray")
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    assert path.stat().st_size < 2**20
    with pytest.raises(UsageError, match=f"{side}x{side}, more than 8K"):
        VideoReader(path)


def test_a_playlist_reaches_nothing_elsewhere(tmp_path: Path) -> None:
    """FFmpeg opens what playlists and session descriptions name: here it may not."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        lists = {
            "a.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{address}/a.ts\n"
            "#EXT-X-ENDLIST\n",
            "b.ffconcat": f"ffconcat version 1.0\nfile '{address}/b.mp4'\n",
            "c.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
            f"m=video {server.server_address[1]} RTP/AVP 96\na=rtpmap:96 H264/90000\n",
            "d.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" '
            f'type="static"><Period><BaseURL>{address}/</BaseURL></Period></MPD>',
            "e.mp4": f"#EXTM3U\n#EXTINF:5,\n{address}/e.ts\n",
        }
        for name, text in lists.items():
            (tmp_path / name).write_text(text)
            with pytest.raises(UsageError):
                VideoReader(tmp_path / name)
        server.shutdown()
    assert asked == []


@pytest.mark.slow
def test_the_commands_themselves(tmp_path: Path, clips: dict[str, bytes]) -> None:
    """Twelve damaged files in one go: a line for each, no traceback, none hangs."""
    sources = tmp_path / "in"
    sources.mkdir()
    for seed in range(12):
        kind = KINDS[seed % len(KINDS)]
        (sources / f"{seed}{kind}").write_bytes(mutant(clips[kind], seed))
    run = [sys.executable, "-m", "bgblur"]
    ended = subprocess.run(
        [*run, "video", str(sources), "--out-dir", str(tmp_path / "out"), "--jobs", "1"],
        capture_output=True, text=True, timeout=120, check=False, env=os.environ,
    )  # fmt: skip
    assert ended.returncode in (0, 2, 4), ended.stderr
    assert "Traceback" not in ended.stderr
    for path in (tmp_path / "out").iterdir():
        assert VideoReader(path).truncated is None
    half = tmp_path / "half.mkv"
    half.write_bytes(clips[".mkv"][: len(clips[".mkv"]) * 2 // 3])
    shown = tmp_path / "shown.mp4"
    ended = subprocess.run(
        [*run, "--device", str(half), "--output", str(shown), "--duration", "4"],
        capture_output=True, text=True, timeout=60, check=False, env=os.environ,
    )  # fmt: skip
    assert ended.returncode in (0, 3), ended.stderr
    assert "Traceback" not in ended.stderr
