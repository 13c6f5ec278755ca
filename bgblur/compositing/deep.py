"""Finishing pictures of 16 bits, of recordings with 10 bits and more: no bands in the blur.

On processors only, a few times slower than 8 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.compositing.backdrop import Backdrop, BackdropCache
from bgblur.compositing.blur import normalised_blur, plan_of, room_weight
from bgblur.compositing.foreground import guess_sides, sample, unmix
from bgblur.compositing.light import room_nearby, wrap
from bgblur.compositing.look import Look
from bgblur.frame import Alpha, Image
from bgblur.imaging.pictures import STEP_16, to_8_bits
from bgblur.imaging.resize import shrink

Paint = Callable[[Image], NDArray[np.uint16]]
"""An sRGB picture in the colours of the recording."""

_STRIP = 64  # rows at a time


class DeepCompositor:
    """Takes and returns BGR ``uint16`` (H, W, 3). ``paint`` brings the look's colours, which are
    sRGB, into those of the pictures."""

    def __init__(self, paint: Paint) -> None:
        self._paint = paint
        self._backdrops = BackdropCache()
        self._painted: tuple[Backdrop, NDArray[np.uint16]] | None = None

    def compose(
        self, pixels: NDArray[np.uint16], alpha: Alpha, look: Look, seconds: float
    ) -> NDArray[np.uint16]:
        """As ``Compositor.compose``."""
        if look.raw:
            return pixels
        height, width = alpha.shape
        backdrop = self._backdrops.backdrop(look, width, height, seconds)
        if backdrop is None:
            room = _blurred_room(pixels, alpha, look.sigma(height), look.edge(height))
            return _blended(pixels, room, alpha)
        if self._painted is None or self._painted[0] is not backdrop:
            self._painted = backdrop, self._paint(backdrop.picture)
        room = self._painted[1]
        light = Backdrop(to_8_bits(room)).glow if look.shown_light_wrap > 0 else None
        return _over_backdrop(pixels, room, alpha, light, look.shown_light_wrap)


def _blurred_room(
    pixels: NDArray[np.uint16], alpha: Alpha, sigma: float, edge: float | None
) -> NDArray[np.uint16]:
    height, width = alpha.shape
    plan = plan_of(width, height, sigma, edge)
    low = shrink(pixels, *plan.measured).astype(np.float32) / STEP_16
    weight = room_weight(shrink(alpha, plan.width, plan.height))
    soft = (STEP_16 * normalised_blur(low, weight, plan)).clip(0, 65535)
    wide = cv2.resize(np.rint(soft).astype(np.uint16), (width, height))
    return np.asarray(wide, np.uint16)


def _blended(
    pixels: NDArray[np.uint16], room: NDArray[np.uint16], alpha: Alpha
) -> NDArray[np.uint16]:
    picture = np.empty_like(pixels)
    for top in range(0, len(pixels), _STRIP):
        rows = np.s_[top : top + _STRIP]
        behind = room[rows].astype(np.float32)
        mixed = behind + (pixels[rows] - behind) * alpha[rows, :, None]
        picture[rows] = np.rint(mixed).clip(0, 65535)
    return picture


def _over_backdrop(
    pixels: NDArray[np.uint16],
    room: NDArray[np.uint16],
    alpha: Alpha,
    light: Image | None,
    amount: float,
) -> NDArray[np.uint16]:
    """The person over ``room``, without the colour of their own room at the outline."""
    nearby = room_nearby(alpha) if light is not None else None
    picture = np.where(alpha[..., None] >= 1, pixels, room)
    outline = (alpha > 0) & (alpha < 1)
    if nearby is not None:
        outline |= (nearby > 1) & (alpha > 0)
    places = np.flatnonzero(outline)
    person: Any = pixels.reshape(-1, 3).take(places, 0) / np.float32(STEP_16)
    cover = alpha.take(places)[:, None]
    sides = guess_sides(to_8_bits(pixels), alpha)
    if sides is not None:
        guess = sample(sides, places, *alpha.shape[::-1])
        person = unmix(person, cover, guess[:, :3], guess[:, 3:])
    if light is not None and nearby is not None:
        shine = light.reshape(-1, 3).take(places, 0).astype(np.float32)
        person = wrap(person, shine, nearby.take(places)[:, None], amount)
    behind = room.reshape(-1, 3).take(places, 0).astype(np.float32)
    mixed = behind + (STEP_16 * person - behind) * cover
    picture.reshape(-1, 3)[places] = np.rint(mixed).clip(0, 65535)
    return picture
