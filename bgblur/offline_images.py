"""``bgblur-cam image``: pictures in, blurred pictures, mattes and masks out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bgblur.errors import UsageError
from bgblur.frame import Alpha, Image
from bgblur.pictures import make_folder, read_picture, write_png

Process = Callable[[Image], tuple[Image, Alpha]]
"""BGR ``(H, W, 3)`` to the result of the same size and its alpha ``float32 (H, W)``."""

_ENDINGS = {"composite": ".png", "alpha": "_alpha.png", "mask": "_mask.png"}


@dataclass
class ImageReport:
    """``written`` files in order; ``problems`` has one line for each picture left out."""

    written: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def blur_images(
    paths: Sequence[Path],
    out_dir: Path,
    save: frozenset[str],
    process: Process,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> ImageReport:
    """Write ``NAME.png``, ``NAME_alpha.png`` and ``NAME_mask.png`` (alpha >= 0.5) as ``save`` asks.

    ``save`` holds "composite", "alpha" or "mask"; ``on_progress`` gets (done, total). A picture
    that cannot be read is left out and reported. Raises UsageError before any work when two
    outputs would have one name or an output would overwrite an input, OutputError when writing
    fails.
    """
    targets = [_targets(path, out_dir, save) for path in paths]
    _check(paths, targets)
    make_folder(out_dir)
    report = ImageReport()
    for done, (path, names) in enumerate(zip(paths, targets, strict=True), start=1):
        try:
            picture = read_picture(path)
        except UsageError as error:
            report.problems.append(str(error))
        else:
            result, alpha = process(picture)
            made = {"composite": result, "alpha": alpha_to_gray(alpha), "mask": _mask(alpha)}
            for kind, name in names.items():
                write_png(name, made[kind])
                report.written.append(name)
        on_progress(done, len(paths))
    return report


def alpha_to_gray(alpha: Alpha) -> NDArray[np.uint8]:
    """0..1 to 0..255, rounded."""
    return np.rint(255 * alpha).astype(np.uint8)


def _mask(alpha: Alpha) -> NDArray[np.uint8]:
    return np.where(alpha >= 0.5, 255, 0).astype(np.uint8)


def _targets(path: Path, out_dir: Path, save: frozenset[str]) -> dict[str, Path]:
    return {kind: out_dir / (path.stem + _ENDINGS[kind]) for kind in _ENDINGS if kind in save}


def _check(paths: Sequence[Path], targets: Sequence[dict[str, Path]]) -> None:
    sources = {path.resolve() for path in paths}
    taken: dict[Path, Path] = {}
    for path, names in zip(paths, targets, strict=True):
        for name in names.values():
            if name in taken:
                raise UsageError(
                    f"{taken[name]} and {path} would both become {name}: rename one of them, "
                    "or write them to two folders"
                )
            if name.resolve() in sources:
                raise UsageError(
                    f"{name} would overwrite an input picture: choose another --out-dir"
                )
            taken[name] = path
