"""OpenCV's area shrink on a torch device."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bgblur.gpu.constants import constant


def area_resize(planes: Tensor, width: int, height: int) -> Tensor:
    """``cv2.INTER_AREA`` of ``float32`` ``(C, H, W)``, as two matrix products: adaptive pooling
    differs from it where the factor is not whole, and an antialiased resize everywhere."""
    rows = constant(_area_matrix, planes.shape[1], height, device=planes.device)
    columns = constant(_area_matrix, planes.shape[2], width, device=planes.device)
    return rows @ (planes @ columns.T)


def _area_matrix(source: int, target: int) -> NDArray[np.float32]:
    """``(target, source)``: how much of each source pixel every target cell covers."""
    edges = np.linspace(0, source, target + 1)
    start, stop = edges[:-1, None], edges[1:, None]
    pixel = np.arange(source)[None]
    covered = (np.minimum(stop, pixel + 1) - np.maximum(start, pixel)).clip(0, 1)
    return (covered * target / source).astype(np.float32)
