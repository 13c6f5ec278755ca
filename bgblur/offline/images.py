"""Blurs photos: files in; blurred pictures, mattes and masks out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bgblur.compositing.cutout import cut_out
from bgblur.errors import BgblurError, UsageError, one_line
from bgblur.files import refuse_existing
from bgblur.frame import Alpha
from bgblur.imaging.pictures import (
    Photo,
    alpha_to_gray,
    make_folder,
    read_photo,
    to_8_bits,
    write_png,
)
from bgblur.imaging.write_picture import ENDINGS, Format, write_picture
from bgblur.offline.explain import explain

Process = Callable[[NDArray[Any]], tuple[NDArray[Any], Alpha]]
"""Takes BGR ``(H, W, 3)``, ``uint8`` or ``uint16``; returns the result, of the same size and type,
and its alpha, ``float32 (H, W)``."""

Probability = Callable[[NDArray[Any]], Alpha]
"""Takes the same picture; returns the network's own output, ``float32 (h, w)`` in 0..1."""

_ENDINGS = {
    "composite": ".png",
    "alpha": "_alpha.png",
    "mask": "_mask.png",
    "cutout": "_cutout.png",
    "explain": "_explain.png",
}


@dataclass
class ImageReport:
    """The ``written`` files in order; ``problems`` has one line for each picture left out."""

    written: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def blur_images(
    paths: Sequence[Path],
    out_dir: Path,
    save: frozenset[str],
    process: Process,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    probability: Probability | None = None,
    overwrite: bool = False,
    kind: Format = "png",
) -> ImageReport:
    """Write ``NAME.png``, ``NAME_alpha.png`` and ``NAME_mask.png`` (alpha >= 0.5) for each path.

    ``save`` names the kinds to write: "composite", "alpha", "mask", "cutout" (NAME_cutout.png, the
    person on a transparent ground). With ``probability``,
    ``NAME_explain.png`` is written too.
    ``kind`` is the format of the composite and the cut-out.

    ``on_progress`` is called with (done, total). The
    composite keeps a picture's 16 bits, transparency and colour profile. A picture that cannot be
    read, or that fails on its own, or whose output exists (unless ``overwrite``), is left out and
    reported. Raises UsageError before any work if two outputs would have the same name or an output
    would overwrite an input, ModelError for a model that fails, OutputError when writing fails.
    """
    kinds = save if probability is None else save | {"explain"}
    if "cutout" in kinds and kind == "jpeg":
        raise UsageError("a JPEG has no transparency for the cut-out: choose another --format")
    targets = [_targets(path, out_dir, kinds, kind) for path in paths]
    _check(paths, targets)
    make_folder(out_dir)
    report = ImageReport()
    for done, (path, names) in enumerate(zip(paths, targets, strict=True), start=1):
        try:
            refuse_existing(*names.values(), overwrite=overwrite)
            photo = read_photo(path)
            if photo.several:
                raise UsageError(f"cannot read {path}: {photo.several}")
        except UsageError as error:
            report.problems.append(str(error))
        else:
            try:
                for name in _blur(photo, names, process, probability, overwrite, kind):
                    report.written.append(name)
            except UsageError as error:
                report.problems.append(f"{path} was left out: {error}")
            except BgblurError:  # the model or the disk: the next pictures would fail as well
                raise
            except Exception as error:  # too little memory, or a fault in a library
                reason = one_line(error)
                report.problems.append(f"{path} was left out: {type(error).__name__}: {reason}")
        if on_progress is not None:
            on_progress(done, len(paths))
    return report


def save_kinds(text: str) -> frozenset[str]:
    """The kinds in a list like "composite,alpha". Raises UsageError."""
    kinds = frozenset(part.strip() for part in text.split(","))
    known = {"composite", "alpha", "mask", "cutout"}
    if not kinds <= known:
        raise UsageError(f'--save is "{text}": name some of {", ".join(sorted(known))}')
    return kinds


def write_result(
    path: Path, result: NDArray[Any], photo: Photo, overwrite: bool, kind: Format = "png"
) -> None:
    """``result`` with the transparency and what ``write_picture`` keeps of ``photo``, which it was
    made from. Raises what ``write_picture`` raises."""
    whole = result if photo.opacity is None else np.dstack((result, photo.opacity))
    write_picture(path, whole, photo, kind, overwrite=overwrite)


def _blur(
    photo: Photo,
    names: dict[str, Path],
    process: Process,
    probability: Probability | None,
    overwrite: bool,
    format_: Format,
) -> Iterator[Path]:
    """Write the files of one photo; gives the name of each that is written."""
    result, alpha = process(photo.pixels)
    for kind, name in names.items():
        if kind == "composite":
            write_result(name, result, photo, overwrite, format_)
        elif kind == "alpha":
            write_png(name, alpha_to_gray(alpha), overwrite=overwrite)
        elif kind == "cutout":
            cut = cut_out(photo.pixels, alpha, photo.opacity)
            write_picture(name, cut, photo, format_, overwrite=overwrite)
        elif kind == "mask":
            mask = (alpha >= 0.5).view(np.uint8) * np.uint8(255)
            write_png(name, mask, overwrite=overwrite)
        elif probability is not None:
            picture = to_8_bits(photo.pixels)
            steps = explain(picture, probability(picture), alpha, to_8_bits(result))
            write_png(name, steps, overwrite=overwrite)
        yield name


def _targets(path: Path, out_dir: Path, save: frozenset[str], format_: Format) -> dict[str, Path]:
    ends = _ENDINGS | {"composite": ENDINGS[format_], "cutout": f"_cutout{ENDINGS[format_]}"}
    return {kind: out_dir / (path.stem + ends[kind]) for kind in ends if kind in save}


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
