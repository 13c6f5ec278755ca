"""Alpha compositing, C = aF + (1 - a)B, computed only where alpha is not 0."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.buffers import Buffers
from bgblur.frame import Alpha, Image

_BAND = 48  # rows processed at once, so that they stay in the processor's cache
_WIDE = 64  # columns of alpha 1 that are faster to copy than to blend


def blend_over(picture: Image, pixels: Image, alpha: Alpha, buffers: Buffers) -> None:
    """Composite ``pixels`` over ``picture``, in place; both BGR ``uint8`` (H, W, 3), ``alpha``
    ``float32`` (H, W).

    Where alpha is 1 the result equals ``pixels`` exactly, where it is 0 ``picture``.
    """
    rows, columns = alpha.shape
    room = buffers.take((_BAND, columns), np.float32)
    for top in range(0, rows, _BAND):
        band = np.s_[top : top + _BAND]
        occupied = np.flatnonzero(cv2.reduce(alpha[band], 0, cv2.REDUCE_MAX))
        if not len(occupied):
            continue
        first, last = occupied[0], occupied[-1] + 1
        parts = [(first, last)]
        within = _longest(cv2.reduce(alpha[band, first:last], 0, cv2.REDUCE_MIN)[0] >= 1)
        if within.stop - within.start >= _WIDE:
            left, right = first + within.start, first + within.stop
            picture[band, left:right] = pixels[band, left:right]
            parts = [(first, left), (right, last)]
        for start, stop in parts:
            if start == stop:
                continue
            here = band, np.s_[start:stop]
            person = alpha[here]
            rest = room[: person.shape[0], : person.shape[1]]
            np.subtract(1, person, out=rest)
            cv2.blendLinear(pixels[here], picture[here], person, rest, dst=picture[here])


def _longest(true: NDArray[np.bool_]) -> slice:
    """The longest run of ``true``."""
    gaps = np.concatenate(([-1], np.flatnonzero(~true), [len(true)]))
    run = int((gaps[1:] - gaps[:-1]).argmax())
    return slice(int(gaps[run]) + 1, int(gaps[run + 1]))
