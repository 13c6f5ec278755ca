"""hysteresis.py on a torch device: the same decision, without waiting for the device."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from bgblur.gpu.kernels import kernels
from bgblur.segmentation import hysteresis_cuda
from bgblur.segmentation.hysteresis import CELL, CERTAIN, LASTS, OVERLAP, SEEN, STAYS
from bgblur.segmentation.regions_torch import connected


def keep_certain(alpha: Tensor, age: Tensor | None, passed: Tensor) -> tuple[Tensor, Tensor]:
    """(``alpha`` (h, w) without its dropped regions, the cells' ages (``int64``)).

    ``age`` is the result for the frame before, None for an unrelated picture; ``passed``
    (``int64``, no dimensions) is the number of frames since then.
    """
    made = kernels(hysteresis_cuda.SOURCE, hysteresis_cuda.NAMES, alpha.device)
    if made is not None:
        return hysteresis_cuda.keep_certain(made, alpha, age, passed)
    peaks = F.max_pool2d(alpha[None, None], CELL, ceil_mode=True)[0, 0]
    seen = peaks > SEEN
    regions = connected(seen).flatten()
    count = peaks.numel() + 1
    highest = _gathered(regions, peaks.flatten(), count, "amax")
    ages = torch.where(highest >= CERTAIN, 0, LASTS)
    if age is not None:
        flat = age.flatten()
        known = _gathered(regions, (flat < LASTS).float(), count, "sum")
        cells = _gathered(regions, torch.ones_like(peaks).flatten(), count, "sum")
        youngest = LASTS - _gathered(regions, LASTS - flat, count, "amax")
        stays = (highest >= STAYS) & (known >= OVERLAP * cells)
        ages = torch.where(stays, torch.minimum(ages, youngest + passed), ages)
    new = torch.where(seen, ages[regions].view(seen.shape), LASTS)
    kept = new < LASTS
    rows, columns = alpha.shape
    pixels = kept.repeat_interleave(CELL, 0).repeat_interleave(CELL, 1)[:rows, :columns]
    whole = (kept == seen).all()  # no region is dropped: alpha between them is kept, too
    return torch.where(whole | pixels, alpha, 0), new


def _gathered(regions: Tensor, values: Tensor, count: int, how: str) -> Tensor:
    """(count,): the maximum or sum of the non-negative ``values`` of each region."""
    return values.new_zeros(count).scatter_reduce(0, regions, values, how)
