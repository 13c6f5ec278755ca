"""How often the guard of live matting calls a true alpha implausible."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bgblur.frame import Image
from bgblur.segmentation.engine import Engine
from bgblur.segmentation.live import LiveMatting
from bgblur.segmentation.options import MaskOptions
from bgblur.segmentation.plausible import ImplausibleError
from bgblur.stats import Stats
from bgblur.training.data.sets import Picture, read_photo

_RATE = 30.0
_STILL_FRAMES, _STILL_RATE = 5, 2.5  # a photo is inferred at its start and after a second


@dataclass(frozen=True)
class Alarms:
    """Of one clip or photo; ``changes`` counts the changes between plausible and not."""

    frames: int
    refused: int
    changes: int


def alarms_of(engine: Engine, frames: Iterable[Image], rate: float = _RATE) -> Alarms:
    """Those of ``frames`` in a row, as a camera gives them."""
    now = 0.0
    matting = LiveMatting(engine, Stats(), None, True, lambda: now)
    refused = []
    for image in frames:
        now += 1 / rate
        try:
            matting(image, MaskOptions())
        except ImplausibleError:
            refused.append(True)
        else:
            refused.append(False)
    return Alarms(len(refused), sum(refused), sum(a != b for a, b in pairwise(refused)))


def refused_photos(engine: Engine, photos: Sequence[Picture]) -> list[Picture]:
    """Those that are refused when a camera sees nothing else, in the shape that they have."""
    return [
        photo
        for photo in photos
        if alarms_of(engine, [read_photo(photo)[0]] * _STILL_FRAMES, _STILL_RATE).refused
    ]
