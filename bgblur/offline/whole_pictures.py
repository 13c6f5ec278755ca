"""A clip's pictures on their way through the stages, which know 8 bits and no opacity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from bgblur.compositing.deep import Paint
from bgblur.frame import Alpha, Image
from bgblur.imaging.hdr import Transfer, from_srgb, srgb_view
from bgblur.imaging.pictures import STEP_16, to_8_bits

S = TypeVar("S")
Segment = Callable[[Image], S]
Compose = Callable[[S, float], tuple[Image, Alpha]]
ComposeDeep = Callable[[NDArray[np.uint16], S, float, Paint], tuple[NDArray[np.uint16], Alpha]]
"""Takes a picture of 16 bits, what ``segment`` returned for its copy in 8 bits, the seconds, and
how sRGB looks in the picture's colours."""


CutOut = Callable[[NDArray[Any], S, NDArray[Any] | None], tuple[NDArray[Any], Alpha]]
"""Takes a picture of any depth, what ``segment`` returned for it, and its opacity; returns BGRA and
alpha."""


@dataclass(frozen=True)
class _Segmented(Generic[S]):
    found: S
    pixels: NDArray[Any]
    opacity: NDArray[Any] | None


class WholePictures(Generic[S]):
    """``segment`` and ``compose`` for pictures BGR or BGRA, ``uint8`` or ``uint16``; those of 16
    bits have the colours of ``transfer``, or the usual ones with None. With ``cut_out``, the person
    alone is what is finished."""

    def __init__(
        self,
        segment: Segment[S],
        compose: Compose[S],
        compose_deep: ComposeDeep[S] | None,
        transfer: Transfer | None,
        cut_out: CutOut[S] | None = None,
    ) -> None:
        self._cut_out = cut_out
        self._segment, self._compose, self._compose_deep = segment, compose, compose_deep
        self._transfer = transfer
        self._paint = self._painted  # one object: a bound method is another one each time

    def segment(self, picture: NDArray[Any]) -> _Segmented[S]:
        """As ``segment``, with the rest of ``picture`` beside it."""
        pixels = np.ascontiguousarray(picture[..., :3])
        opacity = picture[..., 3] if picture.shape[2] == 4 else None
        return _Segmented(self._segment(self.seen(pixels)), pixels, opacity)

    def compose(self, segmented: _Segmented[S], seconds: float) -> tuple[NDArray[Any], Alpha]:
        """The finished picture, of the shape and type that ``segment`` got, and its alpha."""
        result: NDArray[Any]
        if self._cut_out is not None:
            return self._cut_out(segmented.pixels, segmented.found, segmented.opacity)
        if segmented.pixels.dtype == np.uint8 or self._compose_deep is None:
            result, alpha = self._compose(segmented.found, seconds)
        else:
            result, alpha = self._compose_deep(
                segmented.pixels, segmented.found, seconds, self._paint
            )
        if segmented.opacity is not None:
            result = np.dstack((result, segmented.opacity))
        return result, alpha

    def seen(self, picture: NDArray[Any]) -> Image:
        """``picture`` in 8 bits and about sRGB."""
        if picture.dtype == np.uint8 or self._transfer is None:
            return to_8_bits(picture)
        return srgb_view(picture, self._transfer)

    def thumbnail(self, picture: NDArray[Any]) -> NDArray[Any]:
        """``picture`` for a PNG, which says nothing of HDR."""
        if self._transfer is None or picture.dtype == np.uint8:
            return picture
        parts = [
            self.seen(picture[..., :3]),
            *(to_8_bits(picture[..., i]) for i in range(3, picture.shape[2])),
        ]
        return np.dstack(parts)

    def _painted(self, picture: Image) -> NDArray[np.uint16]:
        if self._transfer is None:
            return picture.astype(np.uint16) * np.uint16(STEP_16)
        return from_srgb(picture, self._transfer)
