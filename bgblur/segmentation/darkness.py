"""In the dark nobody is found: a network calls lamps and chairs in the noise of a sensor a person.

A camera in a dark room gives a few levels of light under as much noise. A person cannot be seen
there either, so that hiding everything costs nothing and keeps the room hidden from whoever
brightens the picture.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from bgblur.frame import Image

# Levels of luma that a twentieth of the picture exceeds. Of photos with 6 % of their light that is
# 8 to 17; with 12 %, as a screen lights a face, 15 to 32.
_BLACK, _SEEN = 16.5, 20.0
_SHARE = 95  # percentile: what is lit counts, not how much of the picture is
_ROWS = 30  # means of many pixels, in which noise averages out


def visibility(small: Image) -> float:
    """How far a person may be shown in a frame whose small picture is ``small``, BGR ``uint8``
    (h, w, 3): 0 in the dark, 1 where there is light."""
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    size = max(1, round(_ROWS * grey.shape[1] / grey.shape[0])), _ROWS
    cells = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    lit = percentile(cells.ravel(), _SHARE)
    return min(1.0, max(0.0, (lit - _BLACK) / (_SEEN - _BLACK)))


def percentile(values: Image, share: float) -> float:
    """As ``np.percentile``, which takes ten times as long for a thousand values."""
    at = share / 100 * (values.size - 1)
    first, last = int(at), min(int(at) + 1, values.size - 1)
    low, high = np.partition(values, (first, last))[[first, last]].tolist()
    return float(low + (at - first) * (high - low))


def shown_in(small: Image, alpha: Any) -> Any:
    """``alpha``, an array or a tensor, as far as its frame is lit."""
    seen = visibility(small)
    return alpha if seen == 1 else alpha * seen
