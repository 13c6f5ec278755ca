"""OpenCV's area shrink on a torch device."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bgblur.gpu.constants import constant
from bgblur.gpu.kernels import INDEX, Kernel, kernels

NAME = "area_shrink"

# In whole numbers: pixel p covers p * target .. (p + 1) * target of source * target, a cell c of
# the result c * source .. (c + 1) * source.
SOURCE = f"""
__device__ float covered(int pixel, int cell, int source, int target) {{
    const int first = max(pixel * target, cell * source);
    return (min((pixel + 1) * target, (cell + 1) * source) - first) / (float)source;
}}

extern "C" __global__ void {NAME}(int count, const float* planes, int rows, int columns, int plane,
                                  int row, int column, int height, int width, float* small) {{
    {INDEX}
    const int x = i % width, y = i / width % height;
    planes += i / width / height * (long long)plane;
    float sum = 0;
    for (int v = y * rows / height; v * height < (y + 1) * rows; ++v) {{
        float across = 0;
        for (int u = x * columns / width; u * width < (x + 1) * columns; ++u)
            across += covered(u, x, columns, width) * planes[v * row + u * column];
        sum += covered(v, y, rows, height) * across;
    }}
    small[i] = sum;
}}
"""


def area_resize(planes: Tensor, width: int, height: int) -> Tensor:
    """``cv2.INTER_AREA`` of ``float32`` ``(C, H, W)``, as two matrix products: adaptive pooling
    differs from it where the factor is not whole, and an antialiased resize everywhere. On CUDA it
    is one kernel: of such a matrix nearly all is 0."""
    made = kernels(SOURCE, (NAME,), planes.device)
    if made is not None:
        return by_kernel(made[0], planes, width, height)
    rows = constant(_area_matrix, planes.shape[1], height, device=planes.device)
    columns = constant(_area_matrix, planes.shape[2], width, device=planes.device)
    return rows @ (planes @ columns.T)


def by_kernel(kernel: Kernel, planes: Tensor, width: int, height: int) -> Tensor:
    """The same by ``NAME`` of ``SOURCE``."""
    small = planes.new_empty((len(planes), height, width))
    kernel(small.numel(), planes, *planes.shape[1:], *planes.stride(), height, width, small)
    return small


def _area_matrix(source: int, target: int) -> NDArray[np.float32]:
    """``(target, source)``: how much of each source pixel every target cell covers."""
    edges = np.linspace(0, source, target + 1)
    start, stop = edges[:-1, None], edges[1:, None]
    pixel = np.arange(source)[None]
    covered = (np.minimum(stop, pixel + 1) - np.maximum(start, pixel)).clip(0, 1)
    return (covered * target / source).astype(np.float32)
