"""The torch version of held.py, for whole batches on the training device."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bgblur.training.augment import held
from bgblur.training.augment.patterns import Generator


def hold(images: Tensor, cover: Tensor, rng: Generator) -> None:
    """Give some of the people something to hold, in place: RGB ``float32`` (N, 3, H, W) in 0..255,
    alpha (N, 1, H, W).

    So few people hold something that their pictures are changed one by one, on the processor.
    """
    for number in np.flatnonzero(rng.random(len(images)) < held.SHARE):
        image = images[number].flip(0).permute(1, 2, 0).cpu().numpy()
        shown, alpha = held.given(image, cover[number, 0].cpu().numpy(), rng)
        images[number] = torch.from_numpy(shown).to(images).permute(2, 0, 1).flip(0)
        cover[number, 0] = torch.from_numpy(alpha).to(cover)
