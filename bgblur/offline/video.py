"""Blurs one video: every frame is kept, and so are its time stamps, sound and tags."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bgblur.errors import UsageError
from bgblur.files import refuse_existing
from bgblur.imaging.pictures import alpha_to_gray, make_folder, write_png
from bgblur.media.codecs import GRAY, Needs, check_target, holds_depth, holds_opacity
from bgblur.media.piped_output import PipeWriter
from bgblur.media.reader import Keep, VideoReader
from bgblur.media.writer import VideoWriter
from bgblur.offline.overlap import ahead
from bgblur.offline.piped_video import NONE, Pipes
from bgblur.offline.whole_pictures import Compose, ComposeDeep, CutOut, Segment, WholePictures

if TYPE_CHECKING:
    from bgblur.offline.processor import Processor

OnProgress = Callable[[int, int | None, float], None]
"""Called with (frames done, estimated frames in all or None, frames per second so far)."""

S = TypeVar("S")

_FRAME = "frame_{:06d}.png"


@dataclass(frozen=True)
class VideoJob:
    """What to read and what to write.

    ``alpha`` is the file for the matte (FFV1 gray, .mkv). Every ``save_every``-th frame is saved
    as a PNG in ``frames_dir``. Existing files are replaced only with ``overwrite``. The frames of
    an interlaced clip become whole pictures; with ``keep_interlaced`` they stay interlaced.
    With ``cutout`` the target gets the person on a transparent ground.

    With ``sdr`` an HDR clip becomes SDR, and any result has 8 bits.
    """

    source: Path
    target: Path
    alpha: Path | None = None
    save_every: int | None = None
    frames_dir: Path | None = None
    overwrite: bool = False
    keep_interlaced: bool = False
    sdr: bool = False
    cutout: bool = False


@dataclass(frozen=True)
class VideoReport:
    """What was written, in how many ``seconds``; each of ``warnings`` is one line."""

    frames: int
    seconds: float
    warnings: list[str]


def blur_video(
    job: VideoJob,
    segment: Segment[S],
    compose: Compose[S],
    *,
    compose_deep: ComposeDeep[S] | None = None,
    cut_out: CutOut[S] | None = None,
    on_progress: OnProgress | None = None,
    pipes: Pipes = NONE,
) -> VideoReport:
    """Pass every frame of ``job.source`` through ``segment`` and ``compose`` and write the result.

    ``compose`` takes what ``segment`` returned and the seconds since the first frame; it returns
    the picture (BGR ``uint8``, H x W x 3) and its alpha. Time stamps, sound, subtitles, chapters
    and tags are kept, and so is opacity where the target holds it.

    Without ``compose_deep``, recordings with 10 bits and more become ones with 8, and HDR SDR.

    ``pipes`` take the place of a source or target that is "-".

    Decoding, ``segment``, ``compose`` and encoding run in a thread each.

    An exception that ``on_progress`` raises stops the work and is passed on. Whenever the work
    stops early, unfinished files are removed. Raises UsageError for a bad job or source and
    OutputError when writing fails.
    """
    source = pipes.source or job.source
    target = pipes.target.kind if pipes.target else job.target
    _check(job, pipes)
    deep = compose_deep is not None and not job.sdr and holds_depth(target)
    fields = job.keep_interlaced and not job.cutout
    reader = VideoReader(source, keep=Keep(holds_opacity(target), fields, deep, captions=True))
    stage = WholePictures(
        segment, compose, compose_deep, reader.transfer, cut_out if job.cutout else None
    )
    if job.frames_dir is not None:
        make_folder(job.frames_dir)
    started = time.perf_counter()
    frames = 0
    open_writer = partial(
        VideoWriter,
        width=reader.width,
        height=reader.height,
        time_base=reader.time_base,
        tags=reader.tags,
        if_exists="replace" if job.overwrite else "refuse",
    )
    with ExitStack() as files, ExitStack() as stages:
        needs = Needs(
            False, reader.opacity or job.cutout, reader.fields, reader.depth, reader.mastering
        )
        whole = reader.fps / (2 if reader.fields else 1)  # frames, of one field or two
        if pipes.target is None:
            writer = files.enter_context(
                open_writer(target, fps=whole, rest_from=source, needs=needs)
            )
        else:
            writer = files.enter_context(
                PipeWriter(
                    pipes.target,
                    width=reader.width,
                    height=reader.height,
                    fps=whole,
                    time_base=reader.time_base,
                    rest_from=source,
                    needs=needs,
                    tags=reader.tags,
                )
            )
        matte = None
        if job.alpha is not None:
            matte = files.enter_context(open_writer(job.alpha, fps=reader.fps, needs=GRAY))
        decoded = stages.enter_context(closing(ahead(reader)))
        segmented = stages.enter_context(
            closing(ahead((stage.segment(p), pts) for p, pts in decoded))
        )
        timed = _timed(segmented, reader.time_base)
        composed = stages.enter_context(
            closing(ahead((stage.compose(s, seconds), pts) for s, pts, seconds in timed))
        )
        if pipes.source is not None:
            stages.callback(pipes.source.stop)  # first of all, or the reader's thread waits on
        for (result, alpha), pts in composed:
            writer.write(result, pts, reader.captions.pop(pts, None))
            if matte is not None:
                matte.write(alpha_to_gray(alpha), pts)
            frames += 1
            if job.frames_dir is not None and job.save_every and frames % job.save_every == 0:
                thumbnail = job.frames_dir / _FRAME.format(frames)
                write_png(thumbnail, stage.thumbnail(result), overwrite=job.overwrite)
            if on_progress is not None:
                on_progress(frames, reader.frames, frames / (time.perf_counter() - started))
        for file in (writer, matte):  # complete both before either gets its name
            if file is not None:
                file.finish(reader.until)
    warnings = [line for file in (writer, matte) if file is not None for line in file.warnings]
    warnings += [
        *_lost(reader, job, source.name, target.suffix, writer.deep or compose_deep is None)
    ]
    return VideoReport(
        frames // (2 if reader.fields else 1), time.perf_counter() - started, warnings
    )


def blur_video_by(
    processor: Processor, job: VideoJob, on_progress: OnProgress | None = None, pipes: Pipes = NONE
) -> VideoReport:
    """``blur_video`` with all stages of ``processor``."""
    return blur_video(
        job,
        processor.segment,
        processor.compose,
        compose_deep=processor.compose_deep,
        cut_out=processor.cut_out,
        on_progress=on_progress,
        pipes=pipes,
    )


def _lost(reader: VideoReader, job: VideoJob, name: str, ending: str, deep: bool) -> Iterator[str]:
    """A line for everything of the clip that its result, ``deep`` or not, does not have."""
    if reader.transfer and not (reader.depth or job.sdr):
        yield (
            f"{name} is HDR, which is not written to {ending}, so the result is SDR: "
            f"{_instead(ending, '.mp4, .mkv or .mov')} to keep it"
        )
    elif reader.deep and not (deep or job.sdr):
        transparent = reader.opacity or job.cutout
        yield (
            f"{name} has 10 bits or more, and {'transparent ' * transparent}{ending} results have "
            f"8: {_instead(ending, '.mov' if transparent else '.mp4, .mkv or .mov')} to keep them"
        )
    if reader.transparent and not reader.opacity:
        yield (
            f"{name} has transparent parts, and {ending} files hold none, so they are shown over "
            f"white: {_instead(ending, '.mov, .webm or .mkv')} to keep them"
        )
    if ending == ".y4m" and not reader.alone:
        yield (
            f"{name} has sound or more beside its picture, and Y4M holds none, so it is left out: "
            f"{_instead(ending, '.mkv')} to keep it"
        )
    if reader.truncated:
        yield reader.truncated


def _instead(ending: str, others: str) -> str:
    return "leave out --format y4m" if ending == ".y4m" else f"write to {others}"


def _timed(items: Iterable[tuple[S, int]], time_base: Fraction) -> Iterator[tuple[S, int, float]]:
    """Add the seconds since the first item to each."""
    first: int | None = None
    for item, pts in items:
        first = pts if first is None else first
        yield item, pts, float((pts - first) * time_base)


def _check(job: VideoJob, pipes: Pipes) -> None:
    if pipes.target is None:
        check_target(job.target, Needs(opacity=job.cutout))
    if job.alpha is not None:
        check_target(job.alpha, GRAY)
    outputs = [] if pipes.target else [job.target]
    outputs += [job.alpha] if job.alpha else []
    files = outputs if pipes.source else [job.source, *outputs]
    if len({file.resolve() for file in files}) < len(files):
        raise UsageError(
            "the input, the output and the alpha file must be three files: give each its own name"
        )
    if (job.save_every is None) != (job.frames_dir is None):
        raise UsageError("--save-every N and --frames-dir DIR go together: give both or neither")
    if job.save_every is not None and job.save_every < 1:
        raise UsageError(f"--save-every must be 1 or more, not {job.save_every}")
    thumbnails = sorted(job.frames_dir.glob("frame_*.png")) if job.frames_dir is not None else []
    refuse_existing(*outputs, *thumbnails[:1], overwrite=job.overwrite)
