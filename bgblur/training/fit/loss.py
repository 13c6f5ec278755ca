"""The losses that training minimises."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor
from torch.nn import functional as F


def matte_loss(logits: Tensor, alpha: Tensor, weight: Tensor) -> Tensor:
    """BCE, heavier along the outline, plus soft Dice (Milletari et al. 2016).

    All ``(N, 1, H, W)``; pixels of weight 0 are ignored. Returns a scalar.
    """
    pixels = weight * (1 + 3 * outline(alpha))
    bce = F.binary_cross_entropy_with_logits(logits, alpha, pixels, reduction="sum")
    bce = bce / pixels.sum().clamp(min=1)
    probability = logits.sigmoid() * weight
    dims = (1, 2, 3)
    overlap = (probability * alpha).sum(dims)
    total = (probability + alpha * weight).sum(dims)
    # The smoothing term avoids 0 / 0 in empty rooms.
    dice = 1 - (2 * overlap + 20) / (total + 20)
    return bce + 0.5 * dice.mean()


def laplacian_loss(logits: Tensor, alpha: Tensor, weight: Tensor, levels: int = 4) -> Tensor:
    """Absolute difference of the Laplacian pyramids, coarser levels weighted more (Hou and Liu
    2019; Forte and Pitie 2020). It asks for the right sharpness at every scale.

    All ``(N, 1, H, W)``, at least ``2 ** levels`` each way; pixels of weight 0 are ignored. Returns
    a scalar.
    """
    # The pyramid is linear: the pyramid of a difference is the difference of the pyramids.
    apart = (logits.sigmoid() - alpha) * weight
    loss = apart.new_zeros(())
    for level in range(levels):
        smooth = _smoothed(apart)
        loss = loss + 2**level * (apart - smooth).abs().mean()
        apart = smooth[..., ::2, ::2]
    return loss + 2**levels * apart.abs().mean()  # the coarsest level


def _smoothed(plane: Tensor) -> Tensor:
    """The pyramid's 5x5 binomial filter (Burt and Adelson 1983); the border is repeated.

    Computed as sums of shifted planes: on processors the backward pass of a convolution with one
    channel takes longer than that of the network's widest one.
    """
    padded = F.pad(plane, (2, 2, 2, 2), mode="replicate")
    for axis in (-2, -1):
        a, b, c, d, e = _shifted(padded, 5, axis)
        padded = (a + e) / 16 + (b + d) / 4 + c * 0.375
    return padded


def outline(alpha: Tensor, radius: int = 2) -> Tensor:
    """How much alpha (0..1) changes within ``radius`` pixels: dilation minus erosion, 0..1."""
    borders = (radius,) * 4
    highest, lowest = F.pad(alpha, borders), F.pad(alpha, borders, value=1.0)
    for axis in (-2, -1):  # the maximum over a square is that over the maxima of its rows
        highest = reduce(torch.maximum, _shifted(highest, 2 * radius + 1, axis))
        lowest = reduce(torch.minimum, _shifted(lowest, 2 * radius + 1, axis))
    return highest - lowest


def _shifted(padded: Tensor, count: int, axis: int) -> list[Tensor]:
    """``count`` views, each one place further along ``axis``, all ``count - 1`` shorter."""
    length = padded.shape[axis] - count + 1
    return [padded.narrow(axis, first, length) for first in range(count)]
