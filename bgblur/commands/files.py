"""``bgblur-cam video`` and ``bgblur-cam image``: recordings and photos."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bgblur.commands.options import (
    BackgroundOption,
    ConfigOption,
    ModeOption,
    StrengthOption,
    background_options,
    effective,
    err,
    out,
    say,
)
from bgblur.errors import UsageError

if TYPE_CHECKING:
    from bgblur.config.settings import Settings
    from bgblur.offline.batch_serial import Outcome
    from bgblur.offline.video import VideoJob

OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]


def video(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILES", help="IN OUT; or files and folders with --out-dir."),
    ],
    out_dir: Annotated[
        Path | None, typer.Option(help="Where the results of several files or a folder go.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Files at a time; else as many as the cores can take.")
    ] = None,
    alpha: Annotated[Path | None, typer.Option(help="Write alpha too: FFV1 gray, .mkv.")] = None,
    strength: StrengthOption = None,
    mode: ModeOption = None,
    background: BackgroundOption = None,
    save_every: Annotated[int | None, typer.Option(help="Save every Nth frame as PNG.")] = None,
    frames_dir: Annotated[Path | None, typer.Option(help="Where --save-every saves.")] = None,
    overwrite: OverwriteOption = False,
    config: ConfigOption = None,
) -> None:
    """Blur recordings; every frame is kept, and the sound."""
    from bgblur.imaging.pictures import make_folder
    from bgblur.interrupts import ended_by_signals
    from bgblur.offline.inputs import video_jobs
    from bgblur.offline.video import VideoJob

    settings = effective(config, background_options(strength, mode, background))
    nowhere = Path()  # each job gets its own files
    wanted = VideoJob(nowhere, nowhere, alpha, save_every, frames_dir, overwrite)
    todo = video_jobs(files, out_dir, wanted)
    if out_dir is not None:
        make_folder(out_dir)
    with ended_by_signals():
        if out_dir is None:
            _one_video(todo[0], settings)
        else:
            _many_videos(todo, settings, jobs)


def _one_video(job: VideoJob, settings: Settings) -> None:
    from bgblur.offline.processor import Processor
    from bgblur.offline.progress import VideoProgress
    from bgblur.offline.video import blur_video

    processor = Processor(settings)
    try:
        with VideoProgress(err) as progress:
            report = blur_video(
                job, processor.segment, processor.compose, on_progress=progress.update
            )
    except KeyboardInterrupt:
        say(f"interrupted: {job.target} was not written")
        raise
    for warning in report.warnings:
        say(warning)
    say(f"{job.target}: {report.frames} frames in {report.seconds:.1f} s")


def _many_videos(todo: list[VideoJob], settings: Settings, workers: int | None) -> None:
    from bgblur.offline.batch import blur_all, default_workers
    from bgblur.offline.progress import BatchProgress

    failed: list[Outcome] = []
    done = 0
    try:
        count = workers or default_workers(settings, len(todo))
        with (
            BatchProgress(err) as progress,
            closing(
                blur_all(
                    todo,
                    settings,
                    count,
                    lambda job, *made: progress.update(job.source.name, *made),
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
        raise typer.Exit(failed[0].exit_code)
    say(f"all {done} files were written")


def image(
    sources: Annotated[list[Path], typer.Argument(metavar="IN...")],
    out_dir: Annotated[Path, typer.Option(help="Where NAME.png goes.")],
    save: Annotated[str, typer.Option(help="Of composite,alpha,mask.")] = "composite",
    explain: Annotated[
        bool, typer.Option("--explain", help="Show every step in one picture, NAME_explain.png.")
    ] = False,
    strength: StrengthOption = None,
    mode: ModeOption = None,
    background: BackgroundOption = None,
    overwrite: OverwriteOption = False,
    config: ConfigOption = None,
) -> None:
    """Blur photos: files, or all in a folder."""
    from bgblur.imaging.pictures import PHOTO_ENDINGS
    from bgblur.offline.images import blur_images
    from bgblur.offline.inputs import expand_folders
    from bgblur.offline.processor import Processor

    settings = effective(config, background_options(strength, mode, background))
    processor = Processor(settings, stills=True)
    report = blur_images(
        expand_folders(sources, PHOTO_ENDINGS, "picture"),
        out_dir,
        _save_kinds(save),
        processor,
        probability=processor.probability if explain else None,
        overwrite=overwrite,
    )
    for path in report.written:
        out.print(str(path), markup=False)
    if len(report.problems) > 1:
        for problem in report.problems:
            say(problem)
        raise UsageError(f"{len(report.problems)} pictures were left out: see above")
    if report.problems:
        raise UsageError(report.problems[0])


def _save_kinds(text: str) -> frozenset[str]:
    kinds = frozenset(part.strip() for part in text.split(","))
    known = {"composite", "alpha", "mask"}
    if not kinds <= known:
        raise UsageError(f'--save is "{text}": name some of {", ".join(sorted(known))}')
    return kinds
