"""``room + alpha * (person - room)``, no more of it than there is person."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.buffers import Buffers
from bgblur.frame import Alpha, Image

_BAND = 48  # rows worked on at once: they stay in the processor's cache
_WIDE = 64  # columns of alpha 1 that are worth copying by themselves


def lay_over(picture: Image, pixels: Image, alpha: Alpha, buffers: Buffers) -> None:
    """Put the person of ``pixels`` into ``picture``, in place; both BGR ``uint8`` (H, W, 3).

    Pixels of alpha 1 and 0 come out exactly as they are in one and the other.
    """
    rows, columns = alpha.shape
    room = buffers.take((_BAND, columns), np.float32)
    for top in range(0, rows, _BAND):
        band = np.s_[top : top + _BAND]
        somebody = np.flatnonzero(cv2.reduce(alpha[band], 0, cv2.REDUCE_MAX))
        if not len(somebody):
            continue
        first, last = somebody[0], somebody[-1] + 1
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
