"""The compositor's interface, and its CPU implementation in OpenCV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.buffers import Buffers
from bgblur.compositing.backdrop import Backdrop, BackdropCache
from bgblur.compositing.blend import blend_over, blend_over_planes, fits_planes
from bgblur.compositing.blur import blurred_room, small_room
from bgblur.compositing.foreground import guess_sides, sample, unmix
from bgblur.compositing.light import room_nearby, wrap
from bgblur.compositing.look import Look
from bgblur.frame import Alpha, Image
from bgblur.imaging.color import planes_of
from bgblur.imaging.tiled import TiledAlpha

_SOFT = 1 / 512  # alpha this close to 0 or 1 counts as 0 or 1: at most half a grey level
_PART = 4096  # pixels of the outline processed at once
# BGR to BT.601 limited range, as color.to_i420 does it; the last column is added.
_TO_YUV = np.array(
    [
        [0.098, 0.504, 0.257, 16],
        [0.439, -0.291, -0.148, 128],
        [-0.071, -0.368, 0.439, 128],
    ],
    np.float32,
)

Mask = NDArray[np.bool_]


class Compositor(Protocol):
    """Finishes frames. The results of implementations differ by at most 2/255.

    ``seconds`` is the frame's time on any steady clock; a background clip follows it.
    """

    def compose(
        self, pixels: Any, alpha: Any, look: Look, seconds: float = 0.0, i420: bool = False
    ) -> Image:
        """``pixels`` (BGR ``uint8`` (H, W, 3)) composited with ``alpha`` (``float32`` (H, W), 1 is
        the person) over the look's background. Both may be tensors on the implementation's device.
        A raw look returns the frame unchanged. While a background clip has no picture to show, the
        room is blurred at full strength.

        ``i420`` permits the implementation to return planar YUV (see ``color.to_i420``), where that
        is cheaper for a caller that needs it anyway."""

    def obscure(self, pixels: Any, look: Look, seconds: float = 0.0) -> Image:
        """The background alone, at full strength: the picture shown while there is no alpha."""


class CpuCompositor:
    """OpenCV on ``uint8``. Over a backdrop only the outline, a few hundredths of a frame, is
    computed in floating point; all other pixels are copied."""

    def __init__(self) -> None:
        self._backdrops = BackdropCache()
        self._buffers = Buffers()

    def compose(
        self,
        pixels: Image,
        alpha: Alpha | TiledAlpha,
        look: Look,
        seconds: float = 0.0,
        i420: bool = False,
    ) -> Image:
        if look.raw:
            return self._mirrored(pixels, look)
        height, width = alpha.shape
        backdrop = self._backdrops.backdrop(look, width, height, seconds)
        if backdrop is None:
            sigma, edge = look.sigma(height), look.edge(height)
            if i420 and fits_planes(height, width):
                return self._planar(pixels, TiledAlpha.of(alpha), sigma, edge, look.mirror)
            picture = self._buffers.take(pixels.shape, np.uint8)
            picture = blurred_room(pixels, alpha, sigma, picture, edge)
            blend_over(picture, pixels, alpha)
        else:
            picture = self._buffers.take(pixels.shape, np.uint8)
            alpha = np.asarray(alpha)
            inside, outline = self._split(alpha)
            np.copyto(picture, backdrop.picture)
            wrapped = look.shown_light_wrap
            _blend_over_backdrop(picture, pixels, alpha, inside, outline, backdrop, wrapped)
        return self._mirrored(picture, look)

    def obscure(self, pixels: Image, look: Look, seconds: float = 0.0) -> Image:
        height, width = pixels.shape[:2]
        backdrop = self._backdrops.backdrop(look, width, height, seconds)
        if backdrop is not None:
            return self._mirrored(backdrop.picture, look)
        nobody = np.zeros((height, width), np.float32)
        room = blurred_room(pixels, nobody, look.strongest(height), edge=look.edge(height))
        return self._mirrored(room, look)

    def _planar(
        self, pixels: Image, alpha: TiledAlpha, sigma: float, edge: float | None, mirror: bool
    ) -> Image:
        """The person of ``alpha`` before the blurred room, in I420."""
        height, width = alpha.shape
        picture = self._buffers.take((height * 3 // 2, width), np.uint8)
        small = small_room(pixels, alpha, sigma, edge)
        room = cv2.convertScaleAbs(cv2.transform(small, _TO_YUV))
        for plane, low in zip(planes_of(picture), cv2.split(room), strict=True):
            cv2.resize(low, plane.shape[::-1], dst=plane, interpolation=cv2.INTER_LINEAR)
        blend_over_planes(picture, pixels, alpha)
        if not mirror:
            return picture
        flipped = self._buffers.take(picture.shape, np.uint8)
        for plane, target in zip(planes_of(picture), planes_of(flipped), strict=True):
            cv2.flip(plane, 1, dst=target)
        return flipped

    def _split(self, alpha: Alpha) -> tuple[Mask, Mask]:
        """(where alpha is 1, where it is between 0 and 1)."""
        inside = self._buffers.take(alpha.shape, np.bool_)
        outline = self._buffers.take(alpha.shape, np.bool_)
        np.greater_equal(alpha, 1 - _SOFT, out=inside)
        np.greater(alpha, _SOFT, out=outline)
        np.greater(outline, inside, out=outline)
        return inside, outline

    def _mirrored(self, picture: Image, look: Look) -> Image:
        if not look.mirror:
            return picture
        return cv2.flip(picture, 1, dst=self._buffers.take(picture.shape, np.uint8))


def _blend_over_backdrop(
    picture: Image,
    pixels: Image,
    alpha: Alpha,
    inside: Mask,
    outline: Mask,
    backdrop: Backdrop,
    light_wrap: float,
) -> None:
    """Composite the person over ``picture``, in place: the room's colour is removed from the
    outline, and the backdrop's light added to it."""
    cv2.copyTo(pixels, inside.view(np.uint8), picture)
    sides = guess_sides(pixels, alpha)
    nearby = room_nearby(alpha) if light_wrap > 0 else None
    for places in _in_parts(outline):
        person: Any = pixels.reshape(-1, 3).take(places, 0)
        if sides is not None:
            guess = sample(sides, places, *picture.shape[1::-1])
            person = unmix(person, alpha.take(places)[:, None], guess[:, :3], guess[:, 3:])
        if nearby is not None:
            person = _lit(person, backdrop.glow, nearby, places, light_wrap)
        _blend(picture, places, person, alpha)
    if nearby is not None:
        for places in _in_parts((nearby > 1) & inside):
            person = pixels.reshape(-1, 3).take(places, 0)
            lit = _lit(person, backdrop.glow, nearby, places, light_wrap)
            picture.reshape(-1, 3)[places] = lit + 0.5


def _lit(person: Any, glow: Image, nearby: Image, places: NDArray[np.intp], amount: float) -> Any:
    light = glow.reshape(-1, 3).take(places, 0).astype(np.float32)
    return wrap(person, light, nearby.take(places)[:, None], amount)


def _in_parts(mask: Mask) -> Iterator[NDArray[np.intp]]:
    """The flat indices of ``mask`` in parts so small that temporary arrays stay in the processor's
    cache: new memory would cost more than the arithmetic."""
    places = np.flatnonzero(mask)
    for start in range(0, len(places), _PART):
        yield places[start : start + _PART]


def _blend(picture: Image, places: NDArray[np.intp], person: Any, alpha: Alpha) -> None:
    flat = picture.reshape(-1, 3)
    room = flat.take(places, 0).astype(np.float32)
    flat[places] = room + (person - room) * alpha.take(places)[:, None] + 0.5
