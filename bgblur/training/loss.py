"""What the network is trained to minimise."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def matte_loss(logits: Tensor, alpha: Tensor, weight: Tensor) -> Tensor:
    """BCE, heavier along the outline, plus soft Dice (Milletari et al. 2016).

    All ``(N, 1, H, W)``; pixels of weight 0 count for nothing. Returns a scalar.
    """
    pixels = weight * (1 + 3 * outline(alpha))
    bce = F.binary_cross_entropy_with_logits(logits, alpha, pixels, reduction="sum")
    bce = bce / pixels.sum().clamp(min=1)
    probability = logits.sigmoid() * weight
    dims = (1, 2, 3)
    overlap = (probability * alpha).sum(dims)
    total = (probability + alpha * weight).sum(dims)
    # The smoothing term keeps an empty room from dividing nothing by nothing.
    dice = 1 - (2 * overlap + 20) / (total + 20)
    return bce + 0.5 * dice.mean()


def laplacian_loss(logits: Tensor, alpha: Tensor, weight: Tensor, levels: int = 4) -> Tensor:
    """Absolute difference of the Laplacian pyramids, coarser levels heavier (Hou and Liu 2019;
    Forte and Pitie 2020): what is sharp must be sharp, at every scale.

    All ``(N, 1, H, W)``, at least ``2 ** levels`` each way; pixels of weight 0 count for nothing.
    Returns a scalar.
    """
    # A pyramid is linear: that of the difference is the difference of the two.
    apart = (logits.sigmoid() - alpha) * weight
    taps = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], device=apart.device) / 16
    kernel = (taps[:, None] * taps)[None, None]
    loss = apart.new_zeros(())
    for level in range(levels):
        smooth = F.conv2d(F.pad(apart, (2, 2, 2, 2), mode="replicate"), kernel)
        loss = loss + 2**level * (apart - smooth).abs().mean()
        apart = smooth[..., ::2, ::2]
    return loss + 2**levels * apart.abs().mean()  # what is left when every edge is gone


def outline(alpha: Tensor, radius: int = 2) -> Tensor:
    """Where alpha changes within ``radius`` pixels: dilation minus erosion, 0..1."""
    size = 2 * radius + 1
    dilated = F.max_pool2d(alpha, size, stride=1, padding=radius)
    eroded = -F.max_pool2d(-alpha, size, stride=1, padding=radius)
    return dilated - eroded
