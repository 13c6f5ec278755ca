"""The last step of torch_compositor as one CUDA kernel: the small room enlarged, and the person
laid over it."""

from __future__ import annotations

import torch
from torch import Tensor

from bgblur.gpu.kernels import INDEX, Kernel

NAME = "blend"

# Enlarges as torch's bilinear interpolation does, without aligned corners.
SOURCE = f"""
struct Between {{ int first, second; float share; }};

__device__ Between between(int at, int source, int target) {{
    float place = (at + 0.5f) * ((float)source / target) - 0.5f;
    if (place < 0) place = 0;
    const int first = (int)place;
    return {{first, first + (first < source - 1), place - first}};
}}

extern "C" __global__ void {NAME}(int count, const unsigned char* frame, int row, int column,
                                  int color, const float* alpha, const float* room, int height,
                                  int width, int rows, int columns, unsigned char* blended) {{
    {INDEX}
    const int y = i / columns, x = i % columns;
    const Between down = between(y, height, rows), across = between(x, width, columns);
    for (int c = 0; c < 3; ++c) {{
        const float* upper = room + (c * height + down.first) * width;
        const float* lower = room + (c * height + down.second) * width;
        const float above =
            (1 - across.share) * upper[across.first] + across.share * upper[across.second];
        const float below =
            (1 - across.share) * lower[across.first] + across.share * lower[across.second];
        const float behind = (1 - down.share) * above + down.share * below;
        const float person = frame[y * row + x * column + c * color];
        const float mixed = rintf(behind + (person - behind) * alpha[i]);
        blended[3 * i + c] = (unsigned char)min(max(mixed, 0.0f), 255.0f);
    }}
}}
"""


def blended(kernel: Kernel, frame: Tensor, alpha: Tensor, room: Tensor) -> Tensor:
    """``uint8`` (H, W, 3): ``frame`` of the same kind over ``room`` ``float32`` (3, h, w), by
    ``alpha`` ``float32`` (H, W); by the kernel ``NAME`` of ``SOURCE``."""
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
