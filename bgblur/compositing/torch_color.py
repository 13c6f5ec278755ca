"""``color`` on a torch device: the same arithmetic as OpenCV's, in whole numbers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

# ITU-R BT.601, limited range: OpenCV's fixed point, of B, G and R.
_Y = (102760, 528482, 269484)
_U = (460324, -305135, -155188)
_V = (-74448, -385875, 460324)
_SHIFT = 20
_HALF = 1 << (_SHIFT - 1)


def to_i420(image: Tensor) -> Tensor:
    """BGR ``uint8`` (H, W, 3) to planar YUV 4:2:0 (H * 3 // 2, W); odd sizes are padded to even
    ones by their own edge. Chroma is that of every second pixel, as OpenCV has it."""
    rows, columns = image.shape[0], image.shape[1]
    planes = image.permute(2, 0, 1)
    if rows % 2 or columns % 2:  # padding repeats in floating point alone
        padded = F.pad(planes[None].float(), (0, columns % 2, 0, rows % 2), mode="replicate")
        planes = padded[0].to(torch.uint8)
    light = _weighted(planes, _Y, 16)
    sparse = planes[:, ::2, ::2]
    chroma = torch.cat([_weighted(sparse, weights, 128).flatten() for weights in (_U, _V)])
    return torch.cat([light, chroma.view(-1, light.shape[1])])


def _weighted(planes: Tensor, weights: tuple[int, int, int], offset: int) -> Tensor:
    blue, green, red = planes.to(torch.int32)
    total = blue * weights[0] + green * weights[1] + red * weights[2]
    return ((total + _HALF + (offset << _SHIFT)) >> _SHIFT).clamp(0, 255).to(torch.uint8)
