"""Turns the files and folders of a command into single files and names the outputs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from bgblur.errors import UsageError
from bgblur.files import user_path
from bgblur.media.codecs import holds_opacity
from bgblur.offline.piped_video import PIPE
from bgblur.offline.video import VideoJob

VIDEO_ENDINGS = frozenset([
    ".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg",
    ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv",
])  # fmt: skip
_WRITTEN = {".mp4", ".mkv", ".mov", ".webm"}
_LIKE_MP4 = {".m4v", ".3gp"}


def expand_folders(paths: Sequence[Path], endings: Collection[str], what: str) -> list[Path]:
    """Return ``paths`` with each folder replaced by its files with these ``endings``, sorted.

    ``what`` names such a file in messages. Raises UsageError for a folder that has none or
    cannot be read.
    """
    found: list[Path] = []
    for path in paths:
        if not user_path(str(path)).is_dir():
            found.append(path)
            continue
        try:
            inside = sorted(
                file
                for file in path.iterdir()
                if file.suffix.lower() in endings
                and file.is_file()
                and not file.name.startswith(".")
            )
        except OSError as error:
            raise UsageError(
                f"cannot read the folder {path}: {error.strerror}; check its owner"
            ) from None
        if not inside:
            raise UsageError(
                f"there is no {what} in the folder {path}: name another folder, or files"
            )
        found += inside
    return found


def video_jobs(paths: Sequence[Path], out_dir: Path | None, job: VideoJob) -> list[VideoJob]:
    """Turn the arguments IN OUT, or IN... and ``out_dir``, into jobs with the options of ``job``.

    A result has its input's name. An ending that cannot be written becomes .mp4 for its close
    relatives, else .mkv, which holds every kind of sound. Raises UsageError if the arguments do
    not fit together, or if a result would overwrite an input or another result.

    "-" is this process's input or output, and alone it is both.
    """
    if out_dir is not None and PIPE in paths:
        raise UsageError("- is one recording from a pipe: give - OUT, or - alone, no --out-dir")
    if out_dir is None:
        if list(paths) == [PIPE]:
            paths = [PIPE, PIPE]
        if len(paths) != 2:
            raise UsageError("give IN and OUT, or any number of inputs with --out-dir DIR")
        if user_path(str(paths[0])).is_dir():
            raise UsageError(f"{paths[0]} is a folder: give --out-dir DIR for the results")
        return [replace(job, source=paths[0], target=paths[1])]
    sources = expand_folders(paths, VIDEO_ENDINGS, "video")
    if len(sources) > 1 and (job.alpha is not None or job.frames_dir is not None):
        raise UsageError("--alpha and --frames-dir are for one input: give it alone")
    jobs = [
        replace(job, source=path, target=out_dir / _named(path, job.cutout)) for path in sources
    ]
    taken: dict[Path, Path] = {}
    for each in jobs:
        if each.target in taken:
            raise UsageError(
                f"{taken[each.target]} and {each.source} would both become {each.target}: "
                "rename one of them, or write them to two folders"
            )
        taken[each.target] = each.source
    inputs = {path.resolve() for path in sources}
    for each in jobs:
        if each.target.resolve() in inputs:
            raise UsageError(
                f"{each.target} would overwrite an input video: choose another --out-dir"
            )
    return jobs


def _named(path: Path, cutout: bool) -> str:
    ending = path.suffix.lower()
    if cutout and not holds_opacity(path):
        return path.stem + ".mov"
    if ending in _WRITTEN:
        return path.name
    return path.stem + (".mp4" if ending in _LIKE_MP4 else ".mkv")
