"""OpenCV's area shrink on a torch device."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor


def area_resize(planes: Tensor, width: int, height: int) -> Tensor:
    """``cv2.INTER_AREA`` of ``float32`` ``(C, H, W)``, as two matrix products: adaptive pooling
    differs from it where the factor is not whole, and an antialiased resize everywhere."""
    rows = _area_matrix(planes.shape[1], height, planes.device)
    columns = _area_matrix(planes.shape[2], width, planes.device)
    return rows @ (planes @ columns.T)


@lru_cache(maxsize=16)
def _area_matrix(source: int, target: int, device: torch.device) -> Tensor:
    """``(target, source)``: how much of each source pixel every target cell covers."""
    edges = np.linspace(0, source, target + 1)
    start, stop = edges[:-1, None], edges[1:, None]
    pixel = np.arange(source)[None]
    covered = (np.minimum(stop, pixel + 1) - np.maximum(start, pixel)).clip(0, 1)
    return torch.from_numpy((covered * target / source).astype(np.float32)).to(device)
