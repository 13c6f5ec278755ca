"""What the network is trained to minimise."""

from __future__ import annotations

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


def outline(alpha: Tensor, radius: int = 2) -> Tensor:
    """Where alpha changes within ``radius`` pixels: dilation minus erosion, 0..1."""
    size = 2 * radius + 1
    dilated = F.max_pool2d(alpha, size, stride=1, padding=radius)
    eroded = -F.max_pool2d(-alpha, size, stride=1, padding=radius)
    return dilated - eroded
