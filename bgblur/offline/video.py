"""``bgblur-cam video``: a video file in, a blurred one with the same frames and sound out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

from bgblur.errors import UsageError
from bgblur.frame import Alpha, Image
from bgblur.imaging.pictures import make_folder, write_png
from bgblur.media.reader import VideoReader
from bgblur.media.writer import VideoWriter, check_target
from bgblur.offline.images import alpha_to_gray
from bgblur.offline.overlap import ahead

OnProgress = Callable[[int, int | None, float], None]
"""Gets (frames done, frames in all if known, frames a second so far)."""

S = TypeVar("S")


@dataclass(frozen=True)
class VideoJob:
    """``alpha`` gets the matte (FFV1 gray, .mkv); every ``save_every``-th frame goes to
    ``frames_dir`` as a PNG. What exists already is replaced only with ``overwrite``."""

    source: Path
    target: Path
    alpha: Path | None = None
    save_every: int | None = None
    frames_dir: Path | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class VideoReport:
    frames: int
    seconds: float
    warnings: list[str]


def blur_video(
    job: VideoJob,
    segment: Callable[[Image], S],
    compose: Callable[[S, float], tuple[Image, Alpha]],
    *,
    on_progress: OnProgress,
) -> VideoReport:
    """Every frame of ``job.source`` through ``segment`` and ``compose``; drops none, keeps time
    stamps, sound, subtitles, chapters and tags. ``compose`` also takes the seconds since the first
    frame, and gives the picture and its alpha.

    Decoding, ``segment``, ``compose`` and encoding each have a thread. If it is interrupted or
    fails, no half-written file stays behind. Raises UsageError, OutputError.
    """
    _check(job)
    reader = VideoReader(job.source)
    if job.frames_dir is not None:
        make_folder(job.frames_dir)
    started = time.perf_counter()
    frames = 0
    with ExitStack() as files, ExitStack() as stages:
        writer = files.enter_context(
            VideoWriter(
                job.target,
                width=reader.width,
                height=reader.height,
                fps=reader.fps,
                time_base=reader.time_base,
                rest_from=job.source,
                tags=reader.tags,
            )
        )
        matte = None
        if job.alpha is not None:
            matte = files.enter_context(
                VideoWriter(
                    job.alpha,
                    width=reader.width,
                    height=reader.height,
                    fps=reader.fps,
                    time_base=reader.time_base,
                    gray=True,
                    tags=reader.tags,
                )
            )
        decoded = stages.enter_context(closing(ahead(reader)))
        segmented = stages.enter_context(closing(ahead((segment(p), pts) for p, pts in decoded)))
        timed = _timed(segmented, reader.time_base)
        composed = stages.enter_context(
            closing(ahead((compose(s, seconds), pts) for s, pts, seconds in timed))
        )
        for (result, alpha), pts in composed:
            writer.write(result, pts)
            if matte is not None:
                matte.write(alpha_to_gray(alpha), pts)
            frames += 1
            if job.frames_dir is not None and job.save_every and frames % job.save_every == 0:
                write_png(job.frames_dir / _FRAME.format(frames), result)
            on_progress(frames, reader.frames, frames / (time.perf_counter() - started))
        for file in (writer, matte):  # both complete before either has its name
            if file is not None:
                file.finish()
    warnings = [*writer.warnings, *([reader.truncated] if reader.truncated else [])]
    return VideoReport(frames, time.perf_counter() - started, warnings)


def _timed(items: Iterable[tuple[S, int]], time_base: Fraction) -> Iterator[tuple[S, int, float]]:
    """With the seconds since the first."""
    first: int | None = None
    for item, pts in items:
        first = pts if first is None else first
        yield item, pts, float((pts - first) * time_base)


_FRAME = "frame_{:06d}.png"


def _check(job: VideoJob) -> None:
    check_target(job.target)
    if job.alpha is not None:
        check_target(job.alpha, gray=True)
    files = [job.source, job.target, *([job.alpha] if job.alpha else [])]
    if len({file.resolve() for file in files}) < len(files):
        raise UsageError(
            "the input, the output and the alpha file must be three files: give each its own name"
        )
    if (job.save_every is None) != (job.frames_dir is None):
        raise UsageError("--save-every N and --frames-dir DIR go together: give both or neither")
    if job.save_every is not None and job.save_every < 1:
        raise UsageError(f"--save-every {job.save_every} is no interval: give 1 or more")
    if job.overwrite:
        return
    thumbnails = sorted(job.frames_dir.glob("frame_*.png")) if job.frames_dir is not None else []
    for file in [*files[1:], *thumbnails[:1]]:
        if file.is_file() and file.stat().st_size:  # an empty one holds a place, and no work
            raise UsageError(f"{file} exists already: --overwrite replaces it")
