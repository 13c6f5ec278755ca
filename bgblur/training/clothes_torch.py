"""clothes.py on the device that trains, for whole batches.

Pictures are RGB ``float32`` (N, 3, H, W) in 0..255, alpha ``float32`` (N, 1, H, W) in 0..1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bgblur.training import clothes
from bgblur.training.clothes import Clothes, Generator
from bgblur.training.light_torch import LUMA, column


def change_clothes(image: Tensor, alpha: Tensor, rng: Generator) -> None:
    """Those of ``clothes.SHARE`` of the pictures, in place."""
    chosen = np.flatnonzero(rng.random(len(image)) < clothes.SHARE)
    if len(chosen):
        which = torch.from_numpy(chosen).to(image.device)
        drawn = [Clothes.draw(rng) for _ in chosen]
        image[which] = dress(image[which], alpha[which], drawn)


def dress(image: Tensor, alpha: Tensor, drawn: Sequence[Clothes]) -> Tensor:
    """Each picture's person in the clothes ``drawn`` for it; those without anybody as they are."""
    height, width = image.shape[2:]
    neck, opacity, shading = (
        column(np.array([getattr(one, name) for one in drawn]), image)
        for name in ("neck", "opacity", "shading")
    )
    body = alpha > 0.5
    rows = body.any(3, keepdim=True).float()  # (N, 1, H, 1)
    top = rows.argmax(2, keepdim=True)
    end = height - rows.flip(2).argmax(2, keepdim=True)
    down = torch.arange(height, device=image.device).view(1, 1, -1, 1)
    seam = (down - top - neck * (end - top)) / (clothes.SEAM * height)
    cover = alpha * seam.clamp(0, 1) * opacity * body.any((2, 3), keepdim=True)

    first, second = (
        column(np.stack([one.colors[i, ::-1] for one in drawn]), image) for i in (0, 1)
    )
    cloth = first + (second - first) * _stripes(drawn, image)
    luma = (image * torch.tensor(LUMA, device=image.device).view(1, 3, 1, 1)).sum(1, keepdim=True)
    pixels = body.sum((2, 3), keepdim=True).clamp(min=1)
    mean = (luma * body).sum((2, 3), keepdim=True) / pixels
    light = (luma / mean.clamp(min=1)).clamp(*clothes.LIGHT)
    cloth = cloth * (1 + shading * (light - 1))
    room = torch.tensor([one.room for one in drawn], device=image.device)[:, None, None, None]
    cloth = torch.where(room, image.roll(width // 2, 3), cloth)
    return (image + (cloth - image) * cover).clamp(0, 255)


def _stripes(drawn: Sequence[Clothes], image: Tensor) -> Tensor:
    """How much of the second colour, 0..1 (N, 1, H, W); see clothes._stripes."""
    height, width = image.shape[2:]
    waves = np.stack([one.waves for one in drawn])  # (N, 2, 2)
    across, down = (column(waves[..., i], image) for i in (0, 1))  # (N, 2, 1, 1)
    y = torch.arange(height, device=image.device).view(-1, 1) / height
    x = torch.arange(width, device=image.device) / height
    slope = column(np.array([one.sharpness for one in drawn]), image)
    there = ((across != 0) | (down != 0)).float()
    soft = (slope * torch.sin(across * x + down * y)).sigmoid() * there
    return soft.sum(1, keepdim=True) / there.sum(1, keepdim=True).clamp(min=1)
