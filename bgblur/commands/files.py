"""``bgblur-cam video`` and ``bgblur-cam image``: recordings and photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bgblur.commands.options import (
    BackgroundOption,
    ConfigOption,
    DebugOption,
    ModeOption,
    StrengthOption,
    background_options,
    effective,
    err,
    out,
    say,
)
from bgblur.errors import UsageError


def video(
    source: Annotated[Path, typer.Argument(metavar="IN")],
    target: Annotated[Path, typer.Argument(metavar="OUT")],
    alpha: Annotated[Path | None, typer.Option(help="Write alpha too: FFV1 gray, .mkv.")] = None,
    strength: StrengthOption = None,
    mode: ModeOption = None,
    background: BackgroundOption = None,
    save_every: Annotated[int | None, typer.Option(help="Save every Nth frame as PNG.")] = None,
    frames_dir: Annotated[Path | None, typer.Option(help="Where --save-every saves.")] = None,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Blur a recording; every frame is kept, and its sound."""
    from bgblur.files import Processor
    from bgblur.offline import VideoJob, blur_video
    from bgblur.progress import VideoProgress

    settings = effective(config, background_options(strength, mode, background))
    job = VideoJob(source, target, alpha, save_every, frames_dir)
    with VideoProgress(err) as progress:
        report = blur_video(job, Processor(settings), on_progress=progress.update)
    for warning in report.warnings:
        say(warning)
    say(f"{target}: {report.frames} frames in {report.seconds:.1f} s")


def image(
    sources: Annotated[list[Path], typer.Argument(metavar="IN...")],
    out_dir: Annotated[Path, typer.Option(help="Where NAME.png goes.")],
    save: Annotated[str, typer.Option(help="Of composite,alpha,mask.")] = "composite",
    strength: StrengthOption = None,
    mode: ModeOption = None,
    background: BackgroundOption = None,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Blur photos."""
    from bgblur.files import Processor
    from bgblur.offline import blur_images

    settings = effective(config, background_options(strength, mode, background))
    report = blur_images(sources, out_dir, _save_kinds(save), Processor(settings, stills=True))
    for path in report.written:
        out.print(str(path), markup=False)
    if report.problems:
        raise UsageError("; ".join(report.problems))


def _save_kinds(text: str) -> frozenset[str]:
    kinds = frozenset(part.strip() for part in text.split(","))
    known = {"composite", "alpha", "mask"}
    if not kinds <= known:
        raise UsageError(f'--save is "{text}": name some of {", ".join(sorted(known))}')
    return kinds
