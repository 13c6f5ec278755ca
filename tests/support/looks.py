"""Image measures for tests."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.frame import Image


def detail(picture: Image) -> NDArray[np.float32]:
    """Energy of detail of one to four pixels in size, per pixel: (H, W)."""
    floats = picture.astype(np.float32)
    fine, coarse = (cv2.GaussianBlur(floats, (0, 0), sigma) for sigma in (1, 4))
    energy: NDArray[np.float32] = ((fine - coarse) ** 2).sum(axis=2)
    return energy


def excess_green(picture: Image) -> NDArray[np.float32]:
    """The excess of green over the other channels, per pixel: (H, W)."""
    channels = picture.astype(np.float32)
    excess: NDArray[np.float32] = channels[..., 1] - np.maximum(channels[..., 0], channels[..., 2])
    return excess
