"""The last step of compositor_torch as one CUDA kernel: the low-resolution room is enlarged, and
the person is composited over it."""

from __future__ import annotations

import torch
from torch import Tensor

from bgblur.gpu.kernels import INDEX, Kernel
from bgblur.gpu.sampling import BILINEAR

NAME = "blend"

SOURCE = f"""
{BILINEAR}
extern "C" __global__ void {NAME}(int count, const unsigned char* frame, int row, int column,
                                  int color, const float* alpha, const float* room, int height,
                                  int width, int rows, int columns, unsigned char* blended) {{
    {INDEX}
    const int y = i / columns, x = i % columns;
    const Between down = between(y, height, rows), across = between(x, width, columns);
    for (int c = 0; c < 3; ++c) {{
        const float behind = bilinear(room + c * height * width, width, down, across);
        const float person = frame[y * row + x * column + c * color];
        const float mixed = rintf(behind + (person - behind) * alpha[i]);
        blended[3 * i + c] = (unsigned char)min(max(mixed, 0.0f), 255.0f);
    }}
}}
"""


def blended(kernel: Kernel, frame: Tensor, alpha: Tensor, room: Tensor) -> Tensor:
    """``frame`` ``uint8`` (H, W, 3) composited over ``room`` ``float32`` (3, h, w) with ``alpha``
    ``float32`` (H, W), by the kernel ``NAME`` of ``SOURCE``; ``uint8`` (H, W, 3)."""
    rows, columns = alpha.shape
    result = torch.empty((rows, columns, 3), dtype=torch.uint8, device=frame.device)
    height, width = room.shape[1:]
    kernel(
        rows * columns,
        frame,
        *frame.stride(),
        alpha.contiguous(),
        room.contiguous(),
        height,
        width,
        rows,
        columns,
        result,
    )
    return result
