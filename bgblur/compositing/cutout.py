"""The person alone, on a transparent ground, with straight alpha."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.compositing.foreground import guess_sides, sample, unmix
from bgblur.frame import Alpha
from bgblur.imaging.pictures import STEP_16, to_8_bits

_SOFT = 1 / 512  # alpha below it is written as 0
_SURE = 0.9  # alpha from which a pixel is kept as it is where nothing can be estimated


def cut_out(
    pixels: NDArray[Any], alpha: Alpha, opacity: NDArray[Any] | None = None
) -> NDArray[Any]:
    """``pixels`` (H, W, 3), BGR, ``uint8`` or ``uint16``, and ``alpha`` to BGRA of the same type.

    The room's colour is taken out of the outline. Nothing of the room is left where alpha is 0, for
    anybody may turn the alpha off: the person's colours go on there. ``opacity`` (H, W), of the
    same type, is that of the picture itself.
    """
    step = np.float32(STEP_16 if pixels.dtype == np.uint16 else 1)
    largest = np.iinfo(pixels.dtype).max
    cover = np.where(alpha < _SOFT, 0, alpha)
    colours = _person_everywhere(pixels, cover, step)
    whole = cover if opacity is None else cover * (opacity / np.float32(largest))
    return np.dstack((colours, np.rint(largest * whole).astype(pixels.dtype)))


def _person_everywhere(pixels: NDArray[Any], alpha: Alpha, step: Any) -> NDArray[Any]:
    sides = guess_sides(to_8_bits(pixels), alpha)
    if sides is None:
        return _without_estimate(pixels, alpha)
    height, width = alpha.shape
    person = cv2.resize(
        np.ascontiguousarray(sides[..., :3]), (width, height), interpolation=cv2.INTER_LINEAR
    )
    colours = np.rint(person * step).astype(pixels.dtype)
    cv2.copyTo(pixels, (alpha >= 1 - _SOFT).view(np.uint8), colours)
    places = np.flatnonzero((alpha > 0) & (alpha < 1 - _SOFT))
    guess = sample(sides, places, width, height)
    mixed = pixels.reshape(-1, 3).take(places, 0) / step
    own = unmix(mixed, alpha.take(places)[:, None], guess[:, :3], guess[:, 3:])
    colours.reshape(-1, 3)[places] = np.rint(own * step)
    return colours


def _without_estimate(pixels: NDArray[Any], alpha: Alpha) -> NDArray[Any]:
    """Where nothing is certainly the person, or nothing the room: what is not nearly all person
    gets the one mean colour, since it may be all room."""
    weight = float(alpha.sum())
    mean = np.tensordot(alpha, pixels, 2) / weight if weight > 0 else np.zeros(3)
    sure = alpha[..., None] >= _SURE
    return np.where(sure, pixels, np.rint(mean).astype(pixels.dtype))
