"""The torch version of patterns.py, for whole batches on the training device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bgblur.training.augment.light_torch import column
from bgblur.training.augment.patterns import LUMA, SHADES, Pattern


def cloth_over(image: Tensor, where: Tensor, drawn: Sequence[Pattern]) -> Tensor:
    """Each pattern's cloth alone, RGB ``float32`` (N, 3, H, W) in 0..255.

    It is lit as ``image``, of the same type and shape, is at ``where`` (``bool`` (N, 1, H, W)).
    """
    first, second = (
        column(np.stack([one.colors[i, ::-1] for one in drawn]), image) for i in (0, 1)
    )
    cloth = first + (second - first) * _stripes(drawn, image)
    luma = (image * torch.tensor(LUMA, device=image.device).view(1, 3, 1, 1)).sum(1, keepdim=True)
    pixels = where.sum((2, 3), keepdim=True).clamp(min=1)
    mean = (luma * where).sum((2, 3), keepdim=True) / pixels
    light = (luma / mean.clamp(min=1)).clamp(*SHADES)
    shading = column(np.array([one.shading for one in drawn]), image)
    return cloth * (1 + shading * (light - 1))


def _stripes(drawn: Sequence[Pattern], image: Tensor) -> Tensor:
    """Share of the second colour, (N, 1, H, W) in 0..1; see Pattern._stripes."""
    height, width = image.shape[2:]
    waves = np.stack([one.waves for one in drawn])  # (N, 2, 2)
    across, down = (column(waves[..., i], image) for i in (0, 1))  # (N, 2, 1, 1)
    y = torch.arange(height, device=image.device).view(-1, 1) / height
    x = torch.arange(width, device=image.device) / height
    slope = column(np.array([one.sharpness for one in drawn]), image)
    there = ((across != 0) | (down != 0)).float()
    soft = (slope * torch.sin(across * x + down * y)).sigmoid() * there
    both = soft.sum(1, keepdim=True)
    mixed = both / there.sum(1, keepdim=True).clamp(min=1)
    chess = torch.tensor([one.chess for one in drawn], device=image.device)[:, None, None, None]
    chess = chess & (there.sum(1, keepdim=True) == 2)
    return torch.where(chess, both - 2 * soft.prod(1, keepdim=True), mixed)
