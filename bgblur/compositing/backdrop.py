"""The picture that replaces the room behind the person, at the frame's size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from bgblur.compositing.look import Look
from bgblur.frame import Image
from bgblur.imaging.cover import cover
from bgblur.imaging.resize import shrink

_GLOW = 0.05  # sigma of the picture's light, as a fraction of its height
_GLOW_LINES = 45


@dataclass(frozen=True)
class Backdrop:
    """``picture`` has the frame's size and is shared between frames: do not write to it."""

    picture: Image

    @cached_property
    def glow(self) -> Image:
        """The light that the picture throws on the person: the picture, blurred."""
        height, width = self.picture.shape[:2]
        factor = max(1.0, height / _GLOW_LINES)
        low = shrink(self.picture, max(1, round(width / factor)), max(1, round(height / factor)))
        soft = cv2.GaussianBlur(
            low, (0, 0), max(1e-3, _GLOW * low.shape[0]), borderType=cv2.BORDER_REPLICATE
        )
        wide = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(wide, np.uint8)


class BackdropCache:
    """Makes backdrops; keeps the last one while its inputs are the same."""

    def __init__(self) -> None:
        self._source: Image | None = None
        self._rest: tuple[object, ...] | None = None  # its other inputs
        self._backdrop: Backdrop | None = None

    def backdrop(self, look: Look, width: int, height: int, seconds: float) -> Backdrop | None:
        """None for a look that blurs the room, and while a clip has no picture to show yet."""
        if look.mode not in ("image", "color"):
            return None
        source = None
        if look.mode == "image":
            source = look.picture
            if look.clip is not None:
                source = look.clip.at(seconds, width, height)
            if source is None:
                return None
        rest = (width, height, look.mirror, look.color if source is None else None)
        if source is not self._source or rest != self._rest:
            self._backdrop = Backdrop(_fitted(source, look, width, height))
            self._source, self._rest = source, rest
        return self._backdrop


def _fitted(source: Image | None, look: Look, width: int, height: int) -> Image:
    if source is None:
        return np.full((height, width, 3), look.color, np.uint8)
    if source.shape[:2] != (height, width):
        source = cover(source, width, height)
    # The finished frame is mirrored as a whole, so text in the background needs a second flip.
    return cv2.flip(source, 1) if look.mirror else source
