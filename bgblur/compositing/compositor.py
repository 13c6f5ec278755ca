"""The compositor's interface, and its CPU implementation in OpenCV."""

from __future__ import annotations

from typing import Any, Protocol

import cv2
import numpy as np

from bgblur.compositing.blur import FLOOR, PERSON_FROM, BlurPlan, plan_blur
from bgblur.compositing.look import Look, sigma_of
from bgblur.frame import Alpha, Image


class Compositor(Protocol):
    """Finishes frames. Implementations agree within 2/255 on the same input."""

    def compose(self, pixels: Any, alpha: Any, look: Look) -> Image:
        """Person from ``pixels`` (BGR ``uint8`` (H, W, 3)) where ``alpha`` (``float32`` (H, W))
        is 1, the look's background where it is 0. Both may be tensors on the device that the
        implementation computes on. A raw look gives the frame as it is."""

    def obscure(self, pixels: Any, look: Look) -> Image:
        """The background alone, at full strength: what is shown while no alpha can be had."""


class CpuCompositor:
    """OpenCV on ``uint8``; planes of the frame's size are the only large ones."""

    def __init__(self) -> None:
        self._pictures = PictureCache()

    def compose(self, pixels: Image, alpha: Alpha, look: Look) -> Image:
        if look.raw:
            return _mirrored(pixels, look)
        if look.mode == "blur":
            background = self._blurred(pixels, alpha, look.strength)
        else:
            background = self._pictures.fitted(look, *pixels.shape[1::-1])
        return _mirrored(cv2.blendLinear(pixels, background, alpha, 1 - alpha), look)

    def obscure(self, pixels: Image, look: Look) -> Image:
        if look.mode in ("image", "color"):
            return _mirrored(self._pictures.fitted(look, *pixels.shape[1::-1]), look)
        nobody = np.zeros(pixels.shape[:2], np.float32)
        return _mirrored(self._blurred(pixels, nobody, 100), look)

    @staticmethod
    def _blurred(pixels: Image, alpha: Alpha, strength: int) -> Image:
        height, width = alpha.shape
        plan = plan_blur(width, height, sigma_of(strength, height))
        low = (plan.width, plan.height)
        image = cv2.resize(pixels, low, interpolation=cv2.INTER_AREA).astype(np.float32)
        weight = room_weight(cv2.resize(alpha, low, interpolation=cv2.INTER_AREA))
        blurred = _normalised_blur(image, weight, plan)
        # Saturating conversion before the costly step: bytes are a quarter of the traffic.
        low_bytes = np.rint(blurred).clip(0, 255).astype(np.uint8)
        return cv2.resize(low_bytes, (width, height), interpolation=cv2.INTER_LINEAR)


def room_weight(alpha: Alpha) -> Alpha:
    """1 in the room, 0 on the person, their soft outline and a cell around it."""
    dilated = cv2.dilate(alpha, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)
    return np.asarray((1 - dilated / PERSON_FROM).clip(0, 1), np.float32)


def _normalised_blur(image: Alpha, weight: Alpha, plan: BlurPlan) -> Alpha:
    weighted = image * weight[..., None]
    mean = (weighted.mean((0, 1)) + FLOOR * 128) / (weight.mean() + FLOOR)
    border = cv2.BORDER_REPLICATE
    numerator = cv2.sepFilter2D(weighted, -1, plan.kernel, plan.kernel, borderType=border)
    denominator = cv2.sepFilter2D(weight, -1, plan.kernel, plan.kernel, borderType=border)
    filled = (numerator + FLOOR * mean) / (denominator[..., None] + FLOOR)
    return np.asarray(filled, np.float32)


def _mirrored(picture: Image, look: Look) -> Image:
    return cv2.flip(picture, 1) if look.mirror else picture


class PictureCache:
    """The background picture or colour at the frame's size, made once for each look and size."""

    def __init__(self) -> None:
        self._look: Look | None = None
        self._fitted: Image = np.zeros((0, 0, 3), np.uint8)

    def fitted(self, look: Look, width: int, height: int) -> Image:
        """Shared between calls: do not write to it."""
        if look is not self._look or self._fitted.shape[:2] != (height, width):
            if look.mode == "image" and look.picture is not None:
                picture = cover(look.picture, width, height)
            else:
                picture = np.full((height, width, 3), look.color, np.uint8)
            # The finished frame is mirrored as a whole, but the background must read right.
            self._look, self._fitted = look, _mirrored(picture, look)
        return self._fitted


def cover(picture: Image, width: int, height: int) -> Image:
    """Scaled to fill ``width`` x ``height``, cut evenly where it is too long."""
    rows, columns = picture.shape[:2]
    scale = max(width / columns, height / rows)
    w, h = max(width, round(columns * scale)), max(height, round(rows * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(picture, (w, h), interpolation=way)
    y, x = (h - height) // 2, (w - width) // 2
    return np.ascontiguousarray(scaled[y : y + height, x : x + width])
