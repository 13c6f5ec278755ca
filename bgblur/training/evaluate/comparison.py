"""One model beside another on the same pictures and clips, and how sure their difference is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bgblur.training.data.sets import Picture
from bgblur.training.evaluate.evaluation import (
    MEAN,
    Figures,
    Rows,
    Scored,
    bounds_of_mean,
    photo_groups,
)

CLIPS = "clips"


def compare(ours: Figures, other: Figures, photos: Mapping[str, Sequence[Picture]]) -> Rows:
    """Compare the IoU of two models, by set. Both were evaluated on all ``photos`` and on the same
    clips.

    A row has ``samples`` (the number of pictures or clips), the ``iou`` of ours, that of the
    ``other``, the ``difference`` (ours minus other), and ``low`` and ``high``, which bound the
    difference with 90 % certainty, as far as these pictures are representative (percentile
    bootstrap over pairs, see ``bounds_of_mean``).
    """
    rows: Rows = {}
    ours_by, other_by = _by_picture(ours), _by_picture(other)
    for name, pictures in photos.items():
        groups = photo_groups(name, [ours_by[picture] for picture in pictures])
        for group, members in groups.items():
            paired = [(s.iou, other_by[s.picture].iou) for s in members]
            rows[group] = _row(paired)
    clips = [name for name in ours.clips if name != MEAN]
    if clips:
        rows[CLIPS] = _row([(ours.clips[c]["iou"], other.clips[c]["iou"]) for c in clips])
    return rows


def _by_picture(figures: Figures) -> dict[Picture, Scored]:
    return {scored.picture: scored for scored in figures.scored}


def _row(paired: Sequence[tuple[float, float]]) -> dict[str, float]:
    pairs = np.asarray(paired)
    differences = pairs[:, 0] - pairs[:, 1]
    low, high = bounds_of_mean(differences)
    return {
        "samples": len(differences),
        "iou": float(pairs[:, 0].mean()),
        "other": float(pairs[:, 1].mean()),
        "difference": float(differences.mean()),
        "low": low,
        "high": high,
    }
