"""A contact sheet of the worst pictures, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from bgblur.frame import Image
from bgblur.training.data.sets import Plane, read_photo
from bgblur.training.evaluate.evaluation import Scored
from bgblur.training.evaluate.predictors import Predictor, letterboxed
from bgblur.training.evaluate.worst import COUNT, worst

_PANEL = (120, 150)  # width, height
_COLUMNS = 3


def worst_sheet(predict: Predictor, scored: Sequence[Scored], count: int = COUNT) -> Image:
    """The ``count`` pictures of lowest IoU, each as input, truth, prediction and error."""
    cells = []
    for score in worst(scored, count):
        image, truth, weight = read_photo(score.picture)
        alpha = letterboxed(predict, image)
        error = np.abs(alpha - truth) * weight
        panels = [image, *(_grey(plane) for plane in (truth, alpha, error))]
        strip = np.hstack([cv2.resize(panel, _PANEL) for panel in panels])
        label = f"{score.set_name}/{score.picture.image.stem}"
        cv2.putText(
            strip, f"{label} {score.iou:.2f}", (4, 12), cv2.FONT_HERSHEY_PLAIN, 0.8, (0, 0, 255), 1
        )
        cells.append(strip)
    if not cells:
        return np.zeros((_PANEL[1], 4 * _PANEL[0], 3), np.uint8)
    while len(cells) % _COLUMNS:
        cells.append(np.zeros_like(cells[0]))
    return np.vstack([np.hstack(cells[i : i + _COLUMNS]) for i in range(0, len(cells), _COLUMNS)])


def _grey(plane: Plane) -> Image:
    return cv2.cvtColor((plane * 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)
