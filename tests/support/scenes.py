"""Pictures with a person whose outline is known exactly."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.frame import Alpha, Image

RED = np.array([0, 0, 255], np.float32)
GREEN = np.array([0, 255, 0], np.float32)


def disc(width: int, height: int, softness: float = 1.5) -> Alpha:
    """The alpha of a disc, with an outline that falls from 1 to 0 over ``softness`` pixels."""
    y, x = np.mgrid[:height, :width].astype(np.float32) + 0.5
    distance = np.hypot(x - 0.5 * width, y - 0.55 * height)
    return ((0.3 * min(width, height) - distance) / softness + 0.5).clip(0, 1)


def checkerboard(width: int, height: int) -> Image:
    """Grey squares, about 24 from top to bottom."""
    side = max(2, height // 24)
    y, x = np.mgrid[:height, :width] // side
    grey = np.where((x + y) % 2 == 0, 60, 200).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def over(person: NDArray[np.float32] | Image, alpha: Alpha, room: Image) -> Image:
    """``person`` (an image or a colour) composited over ``room``, as a camera sees them."""
    cover = alpha[..., None]
    return np.rint(person * cover + room * (1 - cover)).astype(np.uint8)


def portrait(width: int, height: int) -> Image:
    """A public-domain photo, cropped to the size."""
    from skimage.data import astronaut

    photo: Image = cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR)
    scale = max(width / 512, height / 512)
    side = (max(width, round(512 * scale)), max(height, round(512 * scale)))
    scaled = cv2.resize(photo, side, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(scaled[:height, :width])


def levels_apart(one: Image, other: Image) -> NDArray[np.int16]:
    """Absolute difference of two pictures of one size."""
    assert one.shape == other.shape
    return np.abs(one.astype(np.int16) - other)
