"""The guided filter of edges.py as four CUDA kernels."""

from __future__ import annotations

from torch import Tensor

from bgblur.gpu.kernels import INDEX, Kernel
from bgblur.gpu.sampling import AREA, BILINEAR
from bgblur.segmentation.edges import _BLACK, _GAIN, EPSILON, radius_of

NAMES = ("guide", "fit", "soften", "draw")

SOURCE = f"""
{AREA}
{BILINEAR}

__device__ int luma(const unsigned char* bgr, int color) {{  // in OpenCV's fixed point
    return (3735 * bgr[0] + 19235 * bgr[color] + 9798 * bgr[2 * color] + (1 << 14)) >> 15;
}}

// The picture's luma at alpha's resolution, in integer levels, divided by 255.
extern "C" __global__ void guide(int count, const unsigned char* image, int rows, int columns,
                                 int row, int column, int color, int height, int width,
                                 float* low) {{
    {INDEX}
    const int x = i % width, y = i / width;
    float sum = 0;
    for (int v = first_of(y, rows, height); !ends(v, y, rows, height); ++v) {{
        float across = 0;
        for (int u = first_of(x, columns, width); !ends(u, x, columns, width); ++u)
            across += covered(u, x, columns, width) * luma(image + v * row + u * column, color);
        sum += covered(v, y, rows, height) * across;
    }}
    low[i] = rintf(sum) / 255;
}}

// a and b of a * luma + b for each cell's window, borders replicated: all a, then all b.
extern "C" __global__ void fit(int count, const float* low, const float* alpha, int height,
                               int width, int radius, float* lines) {{
    {INDEX}
    float light = 0, cover = 0, square = 0, product = 0;
    for (int v = -radius; v <= radius; ++v) {{
        const int start = min(max(i / width + v, 0), height - 1) * width;
        for (int u = -radius; u <= radius; ++u) {{
            const int at = start + min(max(i % width + u, 0), width - 1);
            light += low[at];
            cover += alpha[at];
            square += low[at] * low[at];
            product += low[at] * alpha[at];
        }}
    }}
    const float share = 1.0f / ((2 * radius + 1) * (2 * radius + 1));
    light *= share;
    cover *= share;
    const float variance = square * share - light * light;
    const float a = (product * share - light * cover) / (variance + {EPSILON}f);
    lines[i] = a;
    lines[count + i] = cover - a * light;
}}

// Window means of a and b, for luma in 0..255, with the linear part of edges.firm.
extern "C" __global__ void soften(int count, const float* lines, int height, int width, int radius,
                                  float* means) {{
    {INDEX}
    float a = 0, b = 0;
    for (int v = -radius; v <= radius; ++v) {{
        const int start = min(max(i / width + v, 0), height - 1) * width;
        for (int u = -radius; u <= radius; ++u) {{
            const int at = start + min(max(i % width + u, 0), width - 1);
            a += lines[at];
            b += lines[count + at];
        }}
    }}
    const float share = 1.0f / ((2 * radius + 1) * (2 * radius + 1));
    means[i] = a * share * {_GAIN / 255}f;
    means[count + i] = (b * share - {_BLACK}f) * {_GAIN}f;
}}

extern "C" __global__ void draw(int count, const unsigned char* image, int rows, int columns,
                                int row, int column, int color, const float* means, int height,
                                int width, float* alpha) {{
    {INDEX}
    const int x = i % columns, y = i / columns;
    const Between down = between(y, height, rows), across = between(x, width, columns);
    const float a = bilinear(means, width, down, across);
    const float b = bilinear(means + height * width, width, down, across);
    alpha[i] = min(max(a * luma(image + y * row + x * column, color) + b, 0.0f), 1.0f);
}}
"""


def upsample(made: list[Kernel], alpha: Tensor, image: Tensor) -> Tensor:
    """As edges_torch.upsample with ``refine`` and without feather, with the kernels ``NAMES`` of
    ``SOURCE``."""
    guide, fit, soften, draw = made
    height, width = alpha.shape
    rows, columns = image.shape[:2]
    laid: tuple[Tensor | int, ...] = (image, rows, columns, *image.stride())
    radius = radius_of(height)
    alpha = alpha.contiguous()
    low = alpha.new_empty(alpha.shape)
    lines, means = alpha.new_empty((2, 2, height, width))
    full = alpha.new_empty((rows, columns))
    guide(low.numel(), *laid, height, width, low)
    fit(low.numel(), low, alpha, height, width, radius, lines)
    soften(low.numel(), lines, height, width, radius, means)
    draw(full.numel(), *laid, means, height, width, full)
    return full
