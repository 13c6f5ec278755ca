"""Area averaging (``cv2.INTER_AREA``) on a torch device."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bgblur.gpu.constants import constant
from bgblur.gpu.kernels import INDEX, Kernel, kernels
from bgblur.gpu.sampling import AREA

NAMES = {torch.float32: "area_shrink", torch.uint8: "area_shrink_bytes"}  # by the planes' dtype


def _kernel(name: str, kind: str) -> str:
    return f"""
extern "C" __global__ void {name}(int count, const {kind}* planes, int rows, int columns, int plane,
                                  int row, int column, int height, int width, float* small) {{
    {INDEX}
    const int x = i % width, y = i / width % height;
    planes += i / width / height * (long long)plane;
    float sum = 0;
    for (int v = first_of(y, rows, height); !ends(v, y, rows, height); ++v) {{
        float across = 0;
        for (int u = first_of(x, columns, width); !ends(u, x, columns, width); ++u)
            across += covered(u, x, columns, width) * planes[v * row + u * column];
        sum += covered(v, y, rows, height) * across;
    }}
    small[i] = sum;
}}
"""


SOURCE = AREA + _kernel("area_shrink", "float") + _kernel("area_shrink_bytes", "unsigned char")


def area_resize(planes: Tensor, width: int, height: int) -> Tensor:
    """``cv2.INTER_AREA`` of ``float32`` or ``uint8`` ``(C, H, W)`` to ``float32``.

    Computed as two matrix products: adaptive pooling differs where the factor is not an integer,
    and antialiased resizing differs everywhere. On CUDA it is one kernel, because nearly all
    elements of these matrices are 0.
    """
    made = kernels(SOURCE, tuple(NAMES.values()), planes.device)
    if made is not None:
        return by_kernel(made, planes, width, height)
    rows = constant(_area_matrix, planes.shape[1], height, device=planes.device)
    columns = constant(_area_matrix, planes.shape[2], width, device=planes.device)
    return rows @ (planes.float() @ columns.T)


def by_kernel(made: list[Kernel], planes: Tensor, width: int, height: int) -> Tensor:
    """As ``area_resize``, with the kernels ``NAMES`` of ``SOURCE``."""
    small = torch.empty((len(planes), height, width), device=planes.device)
    kernel = made[list(NAMES).index(planes.dtype)]
    kernel(small.numel(), planes, *planes.shape[1:], *planes.stride(), height, width, small)
    return small


def _area_matrix(source: int, target: int) -> NDArray[np.float32]:
    """``(target, source)``: the weight of each source pixel in each target cell."""
    edges = np.linspace(0, source, target + 1)
    start, stop = edges[:-1, None], edges[1:, None]
    pixel = np.arange(source)[None]
    covered = (np.minimum(stop, pixel + 1) - np.maximum(start, pixel)).clip(0, 1)
    return (covered * target / source).astype(np.float32)
