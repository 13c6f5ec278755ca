"""How well hair is cut at the pictures' full size, by the way in which alpha is enlarged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bgblur.segmentation.engine import Engine
from bgblur.segmentation.options import MaskOptions
from bgblur.training.data.sets import Picture
from bgblur.training.evaluate.evaluation import Rows, score_photos
from bgblur.training.evaluate.predictors import predictor_with

SETS = ("figaro_hair", "celeb_more", "celebamask", "eg1800")  # heads, with true or soft alphas
WAYS = {  # of enlarging alpha
    "bilinear": MaskOptions(smoothing=0.0, refine_edges=False),
    "guided filter": MaskOptions(smoothing=0.0),
    "guided by colour": MaskOptions(smoothing=0.0, by_color=True),
}
FIGURES = ("band_mad", "band_gradient", "fine_f", "boundary_f", "iou")


def hair_rows(engine: Engine, sets: Mapping[str, Sequence[Picture]]) -> Rows:
    """A row for each set and way. The pictures are letterboxed, as a webcam would see them."""
    rows: Rows = {}
    for name, pictures in sets.items():
        for way, options in WAYS.items():
            scored = score_photos(predictor_with(engine, options), pictures)
            figures = {key: float(np.mean([getattr(s, key) for s in scored])) for key in FIGURES}
            rows[f"{name}, {way}"] = {"pictures": len(scored)} | figures
    return rows
