"""Light wrap: a bright background spills light over the person's outline, as a real room does."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from bgblur.compositing.foreground import grid_step
from bgblur.frame import Alpha, Image

_REACH = 0.012  # sigma of the spill, as a fraction of the frame's smaller side


def reach_kernel(width: int, height: int) -> Alpha:
    """The 1-D Gaussian of the spill on the grid of ``grid_step``."""
    sigma = max(0.3, _REACH * min(width, height) / grid_step(width, height))
    kernel = cv2.getGaussianKernel(2 * int(np.ceil(2.5 * sigma)) + 1, sigma, cv2.CV_32F)
    return np.asarray(kernel[:, 0], np.float32)


def room_nearby(alpha: Alpha) -> Image:
    """The share of room around each pixel: ``uint8`` (H, W), 255 is all of it."""
    height, width = alpha.shape
    step = grid_step(width, height)
    room = 1 - alpha[step // 2 :: step, step // 2 :: step]
    kernel = reach_kernel(width, height)
    soft = cv2.sepFilter2D(room, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
    low = np.rint(255 * soft).clip(0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(low, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def wrap(person: Any, light: Any, nearby: Any, amount: float) -> Any:
    """``person`` with ``light`` (0..255), weighted by ``nearby`` (0..255) and ``amount`` (0..1), in
    screen blend mode; arrays or tensors. A dark background leaves the person unchanged."""
    return person + (255 - person) * (light * (nearby * (amount / 65025.0)))
