"""One video or many, with progress bars and a line for each on a terminal."""

from __future__ import annotations

from contextlib import closing
from functools import partial

from rich.console import Console

from bgblur.config.settings import Settings
from bgblur.offline.batch import blur_all, default_workers
from bgblur.offline.batch_serial import Outcome
from bgblur.offline.piped_video import NONE, Pipes
from bgblur.offline.processor import Processor
from bgblur.offline.progress import BatchProgress, VideoProgress
from bgblur.offline.video import VideoJob, blur_video_by
from bgblur.segmentation.quality import Quality


def blur_one(
    job: VideoJob, settings: Settings, console: Console, quality: Quality, pipes: Pipes = NONE
) -> None:
    """Raises UsageError, ModelError, OutputError; KeyboardInterrupt when a signal ends it."""
    say = partial(console.print, markup=False)
    processor = Processor(settings, quality=quality)
    try:
        with VideoProgress(console) as progress:
            report = blur_video_by(processor, job, progress.update, pipes)
    except KeyboardInterrupt:
        how = "breaks off" if pipes.target else "was not written"
        say(f"interrupted: {job.target} {how}")
        raise
    for warning in report.warnings:
        say(warning)
    say(f"{job.target}: {report.frames} frames in {report.seconds:.1f} s")


def blur_many(
    todo: list[VideoJob],
    settings: Settings,
    workers: int | None,
    console: Console,
    quality: Quality,
) -> int:
    """Each of ``todo``, ``workers`` at a time (None: as many as fit); one that fails does not stop
    the others. Returns the exit code: 0, or that of the first failure.

    Raises UsageError or ModelError for an engine that cannot be loaded, KeyboardInterrupt when a
    signal ends it.
    """
    say = partial(console.print, markup=False)
    failed: list[Outcome] = []
    done = 0
    try:
        count = workers or default_workers(settings, len(todo))
        with (
            BatchProgress(console) as progress,
            closing(
                blur_all(
                    todo,
                    settings,
                    count,
                    lambda job, *made: progress.update(job.source.name, *made),
                    quality,
                )
            ) as outcomes,
        ):
            for outcome in outcomes:
                progress.finish(outcome.job.source.name)
                if outcome.report is None:
                    failed.append(outcome)
                    say(outcome.problem)
                    continue
                done += 1
                for warning in outcome.report.warnings:
                    say(warning)
                report = outcome.report
                say(f"{outcome.job.target}: {report.frames} frames in {report.seconds:.1f} s")
    except KeyboardInterrupt:
        say(f"interrupted: {done} of {len(todo)} files were written")
        raise
    if failed:
        say(f"{done} of {len(todo)} files were written, {len(failed)} failed: see above")
        return failed[0].exit_code
    say(f"all {done} files were written")
    return 0
