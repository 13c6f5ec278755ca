"""The torch version of clothes.py, for whole batches on the training device.

Pictures are RGB ``float32`` (N, 3, H, W) in 0..255, alpha ``float32`` (N, 1, H, W) in 0..1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bgblur.training.augment import clothes
from bgblur.training.augment.clothes import Clothes
from bgblur.training.augment.light_torch import column
from bgblur.training.augment.patterns import Generator
from bgblur.training.augment.patterns_torch import cloth_over


def change_clothes(image: Tensor, alpha: Tensor, rng: Generator) -> None:
    """Dress the people of a share ``clothes.SHARE`` of the pictures, in place."""
    chosen = np.flatnonzero(rng.random(len(image)) < clothes.SHARE)
    if len(chosen):
        which = torch.from_numpy(chosen).to(image.device)
        drawn = [Clothes.draw(rng) for _ in chosen]
        image[which] = dress(image[which], alpha[which], drawn)


def dress(image: Tensor, alpha: Tensor, drawn: Sequence[Clothes]) -> Tensor:
    """Return each picture with its person in the clothes ``drawn`` for it.

    Pictures without a person are returned unchanged.
    """
    height, width = image.shape[2:]
    neck, opacity = (
        column(np.array([getattr(one, name) for one in drawn]), image)
        for name in ("neck", "opacity")
    )
    body = alpha > 0.5
    rows = body.any(3, keepdim=True).float()  # (N, 1, H, 1)
    top = rows.argmax(2, keepdim=True)
    end = height - rows.flip(2).argmax(2, keepdim=True)
    down = torch.arange(height, device=image.device).view(1, 1, -1, 1)
    seam = (down - top - neck * (end - top)) / (clothes.SEAM * height)
    cover = alpha * seam.clamp(0, 1) * opacity * body.any((2, 3), keepdim=True)

    cloth = cloth_over(image, body, [one.pattern for one in drawn])
    room = torch.tensor([one.room for one in drawn], device=image.device)[:, None, None, None]
    cloth = torch.where(room, image.roll(width // 2, 3), cloth)
    return (image + (cloth - image) * cover).clamp(0, 255)
