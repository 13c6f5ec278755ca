"""foreground.py and light.py on a torch device: the same arithmetic, on whole planes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from bgblur.compositing.blur_torch import gaussian, room_weight
from bgblur.compositing.foreground import grid_step, person_weight, unmix
from bgblur.compositing.light import reach_kernel, wrap
from bgblur.gpu.constants import constant


def clean(planes: Tensor, alpha: Tensor) -> Tensor:
    """``planes`` (3, H, W), 0..255, with the person's own colour where ``alpha`` is soft."""
    height, width = alpha.shape
    step = grid_step(width, height)
    covers = alpha[None, step // 2 :: step, step // 2 :: step]
    samples = planes[:, step // 2 :: step, step // 2 :: step]
    core = -F.max_pool2d(-covers, 3, stride=1, padding=1)
    weights = torch.stack([person_weight(core), room_weight(covers)])  # (2, 1, h, w)
    colors = torch.cat([samples, torch.ones_like(covers)])
    guesses = F.interpolate(
        _pull_push(colors * weights), size=(height, width), mode="bilinear", align_corners=False
    )
    cleaned = unmix(planes, alpha, guesses[0, :3], guesses[1, :3])
    # Chosen on the device: a decision on the host would wait for it.
    return torch.where(weights.amax((1, 2, 3)).min() > 0, cleaned, planes)


def light_up(planes: Tensor, alpha: Tensor, glow: Tensor, amount: float) -> Tensor:
    """``planes`` (3, H, W) with the light of ``glow`` (3, H, W) on the person's outline."""
    height, width = alpha.shape
    step = grid_step(width, height)
    room = 255 * (1 - alpha[None, step // 2 :: step, step // 2 :: step])
    soft = gaussian(room, constant(reach_kernel, width, height, device=planes.device))
    nearby = F.interpolate(soft[None], size=(height, width), mode="bilinear", align_corners=False)
    return wrap(planes, glow, nearby[0], amount)


def _pull_push(level: Tensor) -> Tensor:
    """As foreground._pull_push, for weighted colours and their weights (N, 4, h, w)."""
    levels = [level]
    while max(level.shape[2:]) > 1:
        rows, columns = level.shape[2:]
        sums = 4 * F.avg_pool2d(F.pad(level, (0, columns % 2, 0, rows % 2)), 2)
        level = sums / sums[:, 3:].clamp(min=1)
        levels.append(level)
    filled = level / level[:, 3:]
    for level in levels[-2:0:-1]:
        rows, columns = level.shape[2:]
        wider = F.interpolate(filled, scale_factor=2.0, mode="bilinear", align_corners=False)
        filled = level + (1 - level[:, 3:]) * wider[..., :rows, :columns]
    return filled
