"""``bgblur-cam video``: a video file in, a blurred one with the same frames and sound out.

Its sibling for pictures, ``blur_images``, can be had from here too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bgblur.errors import UsageError
from bgblur.offline_images import ImageReport, Process, alpha_to_gray, blur_images
from bgblur.pictures import make_folder, write_png
from bgblur.sinks.video import VideoWriter, check_target
from bgblur.sources.video import VideoReader

__all__ = ["ImageReport", "Process", "VideoJob", "VideoReport", "blur_images", "blur_video"]


@dataclass(frozen=True)
class VideoJob:
    """``alpha`` gets the matte (FFV1 gray, .mkv); every ``save_every``-th frame goes to
    ``frames_dir`` as a PNG."""

    source: Path
    target: Path
    alpha: Path | None = None
    save_every: int | None = None
    frames_dir: Path | None = None


@dataclass(frozen=True)
class VideoReport:
    frames: int
    seconds: float
    warnings: list[str]


def blur_video(
    job: VideoJob,
    process: Process,
    *,
    on_progress: Callable[[int, int | None, float], None],
) -> VideoReport:
    """Every frame of ``job.source`` through ``process``; drops none, keeps time stamps and sound.

    ``on_progress`` gets (frames done, frames in all if known, frames a second so far). If it is
    interrupted or fails, no half-written file stays behind. Raises UsageError, OutputError.
    """
    _check(job)
    reader = VideoReader(job.source)
    if job.frames_dir is not None:
        make_folder(job.frames_dir)
    started = time.perf_counter()
    frames = 0
    with ExitStack() as files:
        writer = files.enter_context(
            VideoWriter(
                job.target,
                width=reader.width,
                height=reader.height,
                fps=reader.fps,
                time_base=reader.time_base,
                audio_from=job.source if reader.has_audio else None,
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
        # The encoder and the decoder work in threads of their own while `process` computes.
        for picture, pts in reader:
            result, alpha = process(picture)
            writer.write(result, pts)
            if matte is not None:
                matte.write(alpha_to_gray(alpha), pts)
            frames += 1
            if job.frames_dir is not None and job.save_every and frames % job.save_every == 0:
                write_png(job.frames_dir / f"frame_{frames:06d}.png", result)
            on_progress(frames, reader.frames, frames / (time.perf_counter() - started))
    warnings = [*writer.warnings, *([reader.truncated] if reader.truncated else [])]
    return VideoReport(frames, time.perf_counter() - started, warnings)


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
