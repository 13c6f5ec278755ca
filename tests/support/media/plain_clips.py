"""Clips that only grow lighter, and jobs on them that leave the pictures as they are."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from bgblur.frame import Alpha, Image
from bgblur.offline import video as offline
from bgblur.offline.video import OnProgress, VideoJob, VideoReport

MILLISECONDS = Fraction(1, 1000)


def blur_video(
    job: VideoJob,
    process: Callable[[Image], tuple[Image, Alpha]],
    *,
    on_progress: OnProgress | None = None,
) -> VideoReport:
    return offline.blur_video(job, process, lambda done, _: done, on_progress=on_progress)


def as_is(picture: Image) -> tuple[Image, Alpha]:
    return picture, np.ones(picture.shape[:2], np.float32)


def clip(
    path: Path,
    count: int = 30,
    size: tuple[int, int] = (64, 48),
    pts: Callable[[int], int] = lambda index: 40 * index,
    sound: bool = False,
) -> Path:
    """Frames that grow lighter, in milliseconds, with or without a tone; made with PyAV alone."""
    with av.open(str(path), "w", container_options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", 25, time_base=MILLISECONDS)
        assert isinstance(video, av.VideoStream)
        video.pix_fmt = "yuv444p"  # takes odd sizes
        video.width, video.height = size
        audio = container.add_stream("aac", 48000) if sound else None
        for index in range(count):
            picture = np.full((size[1], size[0], 3), 20 + 7 * (index % 30), np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = pts(index), MILLISECONDS
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if isinstance(audio, av.AudioStream):
            for index in range(count * 1920 // 1024):
                turn = (np.arange(1024) + 1024 * index) * 440 * 2 * np.pi / 48000
                tone = np.repeat(np.sin(turn, dtype=np.float64)[None], 2, 0).astype(np.float32)
                piece = av.AudioFrame.from_ndarray(tone / 4, format="fltp", layout="stereo")
                piece.sample_rate, piece.pts = 48000, 1024 * index
                container.mux(audio.encode(piece))
            container.mux(audio.encode(None))
    return path


def stamps(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]
