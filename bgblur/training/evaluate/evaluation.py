"""Evaluates a model on held-out photos, on clips with true mattes and on empty rooms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bgblur.frame import Alpha, Image
from bgblur.media.reader import VideoReader
from bgblur.segmentation.engine import Engine
from bgblur.training.data.groups import name_of
from bgblur.training.data.sets import Collection, DataError, Picture, Plane, read_photo
from bgblur.training.data.split import Half, half_of
from bgblur.training.evaluate.metrics import band_gradient, band_mad, boundary_f, dtssd, iou, mad
from bgblur.training.evaluate.posters import shown
from bgblur.training.evaluate.predictors import (
    Predictor,
    clip_predictor,
    letterboxed,
    still_predictor,
)

Rows = dict[str, dict[str, float]]  # a row's name -> figure -> value

RESAMPLES, BOUNDS = 10_000, (0.05, 0.95)  # of the bootstrap

LARGE = 0.12  # share of the frame: a person in front of a webcam covers more
MIXED_SETS = (
    "voc_person",
    "coco_person",
    "humanseg_web",
)  # sets that also show small, distant people
SIZES = {"< 3%": 0.0, "3% to 12%": 0.03, "12% to 40%": LARGE, "> 40%": 0.4}  # from this share on
FINE = 0.003  # tolerance of the fine boundary F, share of the diagonal
LEAK = 0.1  # in an empty room, a pixel with a higher alpha leaks
MEAN = "mean"
FIGURES = ("iou", "boundary_f", "fine_f", "mad", "band_mad", "band_gradient")  # of photos
ROOMS = "empty rooms"
THINGS = "things"  # the folder, and the row
POSTERS = "people on posters"


@dataclass(frozen=True)
class Scored:
    """The figures of one picture; ``share``: the person's share of the picture; ``missed``: the
    share of the person that the alpha lacks; ``added``: the area that it has beside the person, per
    area of the person."""

    picture: Picture
    share: float
    iou: float
    boundary_f: float
    fine_f: float
    mad: float
    band_mad: float
    band_gradient: float
    missed: float
    added: float

    @property
    def set_name(self) -> str:
        return self.picture.image.parent.parent.name

    def figures(self) -> dict[str, float]:
        return {name: getattr(self, name) for name in FIGURES}


@dataclass(frozen=True)
class Figures:
    """All figures at one input height; ``scored``: the single photos behind ``photos``. ``sizes``:
    the photos of MIXED_SETS by the person's share of the frame."""

    photos: Rows
    sizes: Rows
    clips: Rows
    rooms: Rows
    scored: list[Scored]


def evaluate(
    engine: Engine,
    held_out: Collection,
    clips: Sequence[tuple[Path, Path]],
    frames: int | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> Figures:
    """Evaluate photos, clips (the first ``frames`` of each) and empty rooms.

    ``report`` is called with the name of each set and clip before it is evaluated.
    """
    predict = still_predictor(engine)
    photos: Rows = {}
    scored: list[Scored] = []
    mixed: list[Scored] = []
    for name, pictures in held_out.photos.items():
        report(name)
        judged = score_photos(predict, pictures)
        photos |= photo_rows(name, judged)
        scored += judged
        mixed += judged if name in MIXED_SETS else []
    clip_rows: Rows = {}
    for clip, matte in clips:
        report(clip.name)
        clip_rows[clip.stem] = evaluate_clip(clip_predictor(engine), clip, matte, frames)
    if clip_rows:
        total = sum(row["frames"] for row in clip_rows.values())
        clip_rows[MEAN] = _mean(list(clip_rows.values())) | {"frames": total}
    report(ROOMS)
    rooms = room_rows(predict, held_out)
    return Figures(photos, size_rows(mixed), clip_rows, rooms, scored)


# ---------------------------------------------------------------- photos


def score_photos(
    predict: Predictor,
    pictures: Sequence[Picture],
    shown: Callable[[Predictor, Image], Alpha] = letterboxed,
) -> list[Scored]:
    """Score each picture where its mask is not ignored, by its alpha from ``shown``: letterboxed to
    16:9, as a webcam would see it, or otherwise."""
    scored = []
    for picture in pictures:
        image, truth, weight = read_photo(picture)
        valid = weight > 0
        alpha = shown(predict, image)
        scored.append(
            Scored(
                picture,
                float((truth > 0.5).mean()),
                iou(alpha, truth, valid),
                boundary_f(alpha, truth, valid),
                boundary_f(alpha, truth, valid, FINE),
                mad(alpha, truth, valid),
                band_mad(alpha, truth, valid),
                band_gradient(alpha, truth, valid),
                *_missed_and_added(alpha, truth, valid),
            )
        )
    return scored


def _missed_and_added(alpha: Alpha, truth: Plane, valid: NDArray[np.bool_]) -> tuple[float, float]:
    shown, person = (alpha > 0.5) & valid, (truth > 0.5) & valid
    area = max(int(person.sum()), 1)
    return float((person & ~shown).sum() / area), float((shown & ~person).sum() / area)


def photo_rows(name: str, scored: Sequence[Scored]) -> Rows:
    """A row for each group of the set ``name``; see photo_groups."""
    return {group: _photo_row(members) for group, members in photo_groups(name, scored).items()}


def size_rows(scored: Sequence[Scored]) -> Rows:
    """A row for each of SIZES that occurs: figures by the person's share of the frame."""
    groups: dict[str, list[Scored]] = {size: [] for size in SIZES}
    for one in scored:
        groups[max((s for s in SIZES if SIZES[s] <= one.share), key=SIZES.__getitem__)].append(one)
    return {size: _photo_row(members) for size, members in groups.items() if members}


def _photo_row(scored: Sequence[Scored]) -> dict[str, float]:
    low, high = bounds_of_mean(np.array([s.iou for s in scored]))
    means = _mean([s.figures() for s in scored])
    return {"pictures": len(scored), "iou": means.pop("iou"), "low": low, "high": high} | means


def bounds_of_mean(values: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """Bounds of the mean with 90 % certainty, as far as these samples are representative
    (percentile bootstrap: Efron, Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).
    """
    drawn = np.random.default_rng(0).choice(values, (RESAMPLES, len(values)))
    low, high = np.quantile(drawn.mean(1), BOUNDS)
    return float(low), float(high)


def photo_groups(name: str, scored: Sequence[Scored]) -> dict[str, list[Scored]]:
    """The whole set and, in ``MIXED_SETS``, the people above 12 % of the frame; no empty group."""
    groups = {name: list(scored)}
    if name in MIXED_SETS:
        groups[large_row(name)] = [s for s in scored if s.share > LARGE]
    return {group: members for group, members in groups.items() if members}


def large_row(name: str) -> str:
    return f"{name} > {LARGE:.0%}"


def room_rows(predict: Predictor, held_out: Collection) -> Rows:
    """A row for rooms, one for other pictures without people: animals, streets, food; and one for
    people on posters, whose leak is the share of a poster's picture."""
    things = [room for room in held_out.rooms if room.image.parent.name == THINGS]
    others = [room for room in held_out.rooms if room.image.parent.name != THINGS]
    pictures = {ROOMS: others, THINGS: things}
    rows = {name: empty_rooms(predict, some) for name, some in pictures.items() if some}
    if leaks := shown(predict, replace(held_out, rooms=others), LEAK):
        rows[POSTERS] = {"pictures": len(leaks), "leak": float(np.mean(leaks))}
    return rows


def empty_rooms(predict: Predictor, rooms: Sequence[Picture]) -> dict[str, float]:
    """``leak``: the share of pixels that are taken for a person, where there is none."""
    leaks = [float((predict(read_photo(room)[0]) > LEAK).mean()) for room in rooms]
    return {"pictures": len(rooms), "leak": float(np.mean(leaks))}


# ---------------------------------------------------------------- clips


def composited_clips(folder: Path, half: Half) -> Iterator[tuple[Path, Path]]:
    """Yield pairs (clip, true matte) of one half: ``NAME.mp4`` with ``NAME_alpha.mkv``."""
    for clip in sorted(folder.glob("*.mp4")):
        matte = clip.with_name(f"{clip.stem}_alpha.mkv")
        if matte.is_file() and half_of(name_of(clip)) == half:
            yield clip, matte


def evaluate_clip(
    predict: Predictor, clip: Path, matte: Path, frames: int | None = None
) -> dict[str, float]:
    """Figures of the clip's first ``frames``. Raises DataError if the matte does not fit."""
    images = [image for image, _ in islice(VideoReader(clip), frames)]
    truths = [read_matte(image) for image, _ in islice(VideoReader(matte), frames)]
    if len(images) != len(truths) or images[0].shape[:2] != truths[0].shape:
        raise DataError(
            f"{matte.name} does not fit {clip.name}: as many frames of the same size are needed"
        )
    scores = score_clip([predict(image) for image in images], truths)
    return {"frames": len(images)} | scores


def read_matte(image: Image) -> Plane:
    """Convert a frame of a grey video, decoded to BGR, to ``float32`` alpha (H, W)."""
    return np.divide(image[..., 0], 255, dtype=np.float32)


def score_clip(alphas: Sequence[Plane], truths: Sequence[Plane]) -> dict[str, float]:
    """Mean IoU, boundary F and MAD over the frames, and dtSSD."""
    pairs = list(zip(alphas, truths, strict=True))
    return {
        "iou": float(np.mean([iou(a, t) for a, t in pairs])),
        "boundary_f": float(np.mean([boundary_f(a, t) for a, t in pairs])),
        "mad": float(np.mean([mad(a, t) for a, t in pairs])),
        "dtssd": dtssd(alphas, truths),
    }


def _mean(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {figure: float(np.mean([row[figure] for row in rows])) for figure in rows[0]}
