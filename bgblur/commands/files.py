"""``bgblur-cam video`` and ``bgblur-cam image``: recordings and photos."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from bgblur.commands.options import (
    BackgroundOption,
    BlurOption,
    ConfigOption,
    ModeOption,
    OverwriteOption,
    QualityOption,
    StrengthOption,
    err,
    out,
    say,
)
from bgblur.errors import UsageError


def video(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILES", help="IN OUT, - for pipes, or files and folders."),
    ],
    out_dir: Annotated[
        Path | None, typer.Option(help="Folder for the results of several files or a folder.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Files at a time; default: by the number of cores.")
    ] = None,
    alpha: Annotated[
        Path | None, typer.Option(help="Write the matte too, as gray FFV1 in an .mkv.")
    ] = None,
    strength: StrengthOption = None,
    blur: BlurOption = None,
    mode: ModeOption = None,
    background: BackgroundOption = None,
    save: Annotated[
        Literal["composite", "cutout"],
        typer.Option(help="The finished picture, or the person on a transparent ground."),
    ] = "composite",
    quality: QualityOption = "balanced",
    save_every: Annotated[int | None, typer.Option(help="Save every Nth frame as a PNG.")] = None,
    frames_dir: Annotated[Path | None, typer.Option(help="Folder for --save-every.")] = None,
    format_: Annotated[
        Literal["mkv", "y4m"] | None,
        typer.Option("--format", help="Of a clip that goes into a pipe; default: mkv."),
    ] = None,
    keep_interlaced: Annotated[
        bool,
        typer.Option("--keep-interlaced", help="Leave interlaced clips so, each field blurred."),
    ] = False,
    sdr: Annotated[
        bool, typer.Option("--sdr", help="Make SDR of HDR recordings, in H.264 with 8 bits.")
    ] = False,
    overwrite: OverwriteOption = False,
    config: ConfigOption = None,
) -> None:
    """Blur recordings; every frame and the sound are kept. - reads or writes a pipe."""
    from bgblur.config.overrides import background_values, effective
    from bgblur.imaging.pictures import make_folder
    from bgblur.interrupts import ended_by_signals
    from bgblur.offline.inputs import video_jobs
    from bgblur.offline.piped_video import standard_pipes
    from bgblur.offline.video import VideoJob
    from bgblur.offline.videos import blur_many, blur_one

    settings = effective(config, background_values(strength, mode, background, blur))
    nowhere = Path()  # video_jobs fills in the files
    wanted = VideoJob(
        nowhere,
        nowhere,
        alpha=alpha,
        save_every=save_every,
        frames_dir=frames_dir,
        overwrite=overwrite,
        keep_interlaced=keep_interlaced,
        sdr=sdr,
        cutout=save == "cutout",
    )
    todo = video_jobs(files, out_dir, wanted)
    if out_dir is not None:
        make_folder(out_dir)
    pipes = standard_pipes(todo[0].source, todo[0].target, format_)
    with ended_by_signals():
        if out_dir is None:
            blur_one(todo[0], settings, err, quality, pipes)
        elif code := blur_many(todo, settings, jobs, err, quality):
            raise typer.Exit(code)


def image(
    sources: Annotated[list[Path], typer.Argument(metavar="IN...")],
    out_dir: Annotated[Path | None, typer.Option(help="Folder for NAME.png.")] = None,
    save: Annotated[str, typer.Option(help="Any of composite,alpha,mask,cutout.")] = "composite",
    format_: Annotated[
        Literal["png", "jpeg", "webp", "avif", "heic", "jxl"],
        typer.Option("--format", help="Of composite and cutout; the others are PNG."),
    ] = "png",
    quality: QualityOption = "best",
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Also save every step in one picture, NAME_explain.png."),
    ] = False,
    strength: StrengthOption = None,
    blur: BlurOption = None,
    mode: ModeOption = None,
    background: BackgroundOption = None,
    overwrite: OverwriteOption = False,
    config: ConfigOption = None,
) -> None:
    """Blur photos: files, or all those in a folder; - reads one and writes its PNG."""
    from bgblur.config.overrides import background_values, effective
    from bgblur.imaging.pictures import PHOTO_ENDINGS
    from bgblur.offline.images import blur_images, save_kinds
    from bgblur.offline.inputs import expand_folders
    from bgblur.offline.piped import blur_piped
    from bgblur.offline.processor import Processor

    settings = effective(config, background_values(strength, mode, background, blur))
    processor = Processor(settings, stills=True, quality=quality)
    if sources == [Path("-")] and out_dir is None and not explain:
        blur_piped(sys.stdin.buffer, sys.stdout.buffer, save_kinds(save), processor)
        return
    if out_dir is None:
        raise UsageError("give --out-dir DIR for the results; only - alone, a pipe, needs none")
    report = blur_images(
        expand_folders(sources, PHOTO_ENDINGS, "picture"),
        out_dir,
        save_kinds(save),
        processor,
        probability=processor.probability if explain else None,
        overwrite=overwrite,
        kind=format_,
    )
    for path in report.written:
        out.print(str(path), markup=False)
    if len(report.problems) > 1:
        for problem in report.problems:
            say(problem)
        raise UsageError(f"{len(report.problems)} pictures were left out: see above")
    if report.problems:
        raise UsageError(report.problems[0])
