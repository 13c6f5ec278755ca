"""Pictures at an output's size and in its format."""

from __future__ import annotations

import numpy as np

from bgblur.buffers import Buffers
from bgblur.frame import Image
from bgblur.imaging.canvas import Canvas, Crop, fitted
from bgblur.imaging.color import even, from_i420, is_i420, to_i420


class Fitter:
    """Fits and converts a picture that is shown again only once. For one thread."""

    def __init__(self) -> None:
        self._buffers = Buffers()
        self._fitted: tuple[tuple[object, ...], Image] | None = None  # the newest, and from what
        self._converted: tuple[Image, Image] | None = None  # the newest picture and its I420

    def fit(
        self, picture: Image, crop: Crop, canvas: Canvas, size: tuple[int, int], planar: bool
    ) -> Image:
        """``crop`` of ``picture``, BGR or I420, on ``canvas`` at ``size``: BGR, or the I420 that it
        is already if that is wanted (``planar``)."""
        if self._fitted is not None:
            (last, *rest), made = self._fitted
            if last is picture and rest == [crop, planar, canvas, size]:
                return made
        whole = picture if planar else even(from_i420(picture) if is_i420(picture) else picture)
        made = fitted(whole, *size, canvas, crop, self._buffers.take)
        self._fitted = (picture, crop, planar, canvas, size), made
        return made

    def i420(self, picture: Image) -> Image:
        """``picture`` (BGR) in I420."""
        if self._converted is None or self._converted[0] is not picture:
            rows, columns = picture.shape[:2]
            out = self._buffers.take((rows * 3 // 2, columns), np.uint8)
            self._converted = picture, to_i420(picture, out)
        return self._converted[1]
