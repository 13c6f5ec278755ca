"""color.py on a torch device, in the same fixed-point arithmetic as OpenCV's."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from bgblur.gpu.kernels import INDEX, Kernel, kernels

# ITU-R BT.601, limited range: OpenCV's fixed-point weights of B, G and R.
_Y = (102760, 528482, 269484)
_U = (460324, -305135, -155188)
_V = (-74448, -385875, 460324)
_SHIFT = 20
_HALF = 1 << (_SHIFT - 1)

NAME = "i420"

# One thread for each byte of the result: luma first, then the two chroma planes.
SOURCE = f"""
__device__ int weighted(const unsigned char* bgr, int color, int b, int g, int r, int offset) {{
    const int total = bgr[0] * b + bgr[color] * g + bgr[2 * color] * r;
    return min(max((total + {_HALF} + (offset << {_SHIFT})) >> {_SHIFT}, 0), 255);
}}

extern "C" __global__ void {NAME}(int count, const unsigned char* image, int rows, int columns,
                                  int row, int column, int color, unsigned char* planar) {{
    {INDEX}
    const int pixels = rows * columns;
    if (i < pixels) {{
        image += i / columns * row + i % columns * column;
        planar[i] = weighted(image, color, {", ".join(map(str, _Y))}, 16);
        return;
    }}
    const int at = (i - pixels) % (pixels / 4);
    image += at / (columns / 2) * 2 * row + at % (columns / 2) * 2 * column;
    planar[i] = i - pixels < pixels / 4
        ? weighted(image, color, {", ".join(map(str, _U))}, 128)
        : weighted(image, color, {", ".join(map(str, _V))}, 128);
}}
"""


def to_i420(image: Tensor) -> Tensor:
    """BGR ``uint8`` (H, W, 3) to planar YUV 4:2:0 (H * 3 // 2, W); odd sizes are padded to even
    ones by repeating the edge. Chroma is sampled at every second pixel, as in OpenCV."""
    rows, columns = image.shape[0], image.shape[1]
    if rows % 2 == columns % 2 == 0:
        made = kernels(SOURCE, (NAME,), image.device)
        if made is not None:
            return by_kernel(made[0], image)
    planes = image.permute(2, 0, 1)
    if rows % 2 or columns % 2:  # replicate padding needs floating point
        padded = F.pad(planes[None].float(), (0, columns % 2, 0, rows % 2), mode="replicate")
        planes = padded[0].to(torch.uint8)
    luma = _weighted(planes, _Y, 16)
    sparse = planes[:, ::2, ::2]
    chroma = torch.cat([_weighted(sparse, weights, 128).flatten() for weights in (_U, _V)])
    return torch.cat([luma, chroma.view(-1, luma.shape[1])])


def by_kernel(kernel: Kernel, image: Tensor) -> Tensor:
    """As ``to_i420`` for even sizes, with the kernel ``NAME`` of ``SOURCE``."""
    rows, columns = image.shape[0], image.shape[1]
    planar = image.new_empty((rows * 3 // 2, columns))
    kernel(planar.numel(), image, rows, columns, *image.stride(), planar)
    return planar


def _weighted(planes: Tensor, weights: tuple[int, int, int], offset: int) -> Tensor:
    blue, green, red = planes.to(torch.int32)
    total = blue * weights[0] + green * weights[1] + red * weights[2]
    return ((total + _HALF + (offset << _SHIFT)) >> _SHIFT).clamp(0, 255).to(torch.uint8)
