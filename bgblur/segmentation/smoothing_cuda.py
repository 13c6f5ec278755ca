"""smoothing_torch.py as two CUDA kernels."""

from __future__ import annotations

import torch
from torch import Tensor

from bgblur.gpu.kernels import INDEX, Kernel
from bgblur.gpu.sampling import AREA, BILINEAR
from bgblur.segmentation.smoothing import AT_ONCE, IN_TIME, MOVED, STILL, WHERE_MOVED

NAMES = ("look", "steady")

SOURCE = f"""
{AREA}
{BILINEAR}

__device__ float weight_of(float motion, float past) {{
    return past - {1 - WHERE_MOVED}f * past * motion;
}}

// For each cell of the small picture: its motion, and the new mean of the pictures.
extern "C" __global__ void look(int count, const unsigned char* image, int rows, int columns,
                                int row, int column, int color, int height, int width,
                                const float* seen, const float* past, float* motion, float* mean) {{
    {INDEX}
    const int x = i % width, y = i / width;
    float sums[3] = {{0, 0, 0}};
    for (int v = first_of(y, rows, height); !ends(v, y, rows, height); ++v) {{
        const float down = covered(v, y, rows, height);
        for (int u = first_of(x, columns, width); !ends(u, x, columns, width); ++u) {{
            const float share = down * covered(u, x, columns, width);
            for (int c = 0; c < 3; ++c)
                sums[c] += share * image[v * row + u * column + c * color];
        }}
    }}
    float apart = 0;
    for (int c = 0; c < 3; ++c) apart = max(apart, fabsf(rintf(sums[c]) - seen[3 * i + c]));
    motion[i] = min(max((apart - {STILL}f) / {MOVED - STILL}f, 0.0f), 1.0f);
    const float weight = weight_of(motion[i], *past);
    for (int c = 0; c < 3; ++c) {{
        const float level = rintf(sums[c]);
        mean[3 * i + c] = level - weight * (level - seen[3 * i + c]);
    }}
}}

extern "C" __global__ void steady(int count, const float* alpha, const float* before,
                                  const float* past, const float* motion, int height, int width,
                                  int rows, int columns, float* mean) {{
    {INDEX}
    const float moved = bilinear(motion, width, between(i / columns, height, rows),
                                 between(i % columns, width, columns));
    const float change = alpha[i] - before[i];
    const float slope = {1 / IN_TIME}f + {1 / AT_ONCE - 1 / IN_TIME}f * moved;
    const float calm = max(1 - fabsf(change) * slope, 0.0f);
    mean[i] = alpha[i] - weight_of(moved, *past) * calm * change;
}}
"""


def steadied(
    made: list[Kernel], alpha: Tensor, pixels: Tensor, before: Tensor, seen: Tensor, past: Tensor
) -> tuple[Tensor, Tensor]:
    """As smoothing_torch.steadied, with the kernels ``NAMES`` of ``SOURCE``."""
    look, steady = made
    height, width = seen.shape[:2]
    motion = seen.new_empty((height, width))
    mean, picture = torch.empty_like(before), torch.empty_like(seen)
    laid = (pixels, *pixels.shape[:2], *pixels.stride())
    look(motion.numel(), *laid, height, width, seen, past, motion, picture)
    given = (alpha.contiguous(), before, past, motion, height, width)
    steady(alpha.numel(), *given, *alpha.shape, mean)
    return mean, picture
