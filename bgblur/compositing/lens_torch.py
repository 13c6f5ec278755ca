"""lens.py on a torch device: the same arithmetic, on tensors."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from bgblur.compositing.lens import HIGHLIGHT, LensPlan, from_code, gain_of, plan_lens
from bgblur.frame import Alpha
from bgblur.gpu.constants import constant
from bgblur.imaging.resize_torch import area_resize


def lens_room(planes: Tensor, weight: Tensor, plan: LensPlan, taps: Tensor, floor: float) -> Tensor:
    """The frame ``planes`` (3, H, W) in 0..255, blurred as if only places of ``weight`` (1, h, w)
    were there: (3, h, w), in 0..255. ``taps`` is the plan's kernel on the device."""
    code = area_resize(planes, *plan.measured).round() / 255  # rounded as on a processor
    linear = torch.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    light = linear * gain_of(linear.amax(0, keepdim=True))
    weighted = area_resize(light, plan.width, plan.height) * weight
    grey = floor * float(from_code(128 / 255))
    mean = (weighted.mean((1, 2)) + grey) / (weight.mean() + floor)
    radius = len(taps) // 2
    padded = F.pad(torch.cat([weighted, weight])[:, None], (radius,) * 4, mode="replicate")
    sums = F.conv2d(padded, taps[None, None])[:, 0]
    gathered = (sums[:3] + floor * mean[:, None, None]) / (sums[3:] + floor)
    clipped = gathered / (1 + HIGHLIGHT * gathered.amax(0, keepdim=True))
    root = 1.055 * clipped ** (1 / 2.4) - 0.055
    return 255 * torch.where(clipped <= 0.0031308, 12.92 * clipped, root)


def lens_taps(width: int, height: int, sigma: float, edge: float, device: torch.device) -> Tensor:
    """The kernel of ``plan_lens`` on ``device``: the same tensor each time."""
    return constant(_kernel, width, height, sigma, edge, device=device)


def _kernel(width: int, height: int, sigma: float, edge: float) -> Alpha:
    return plan_lens(width, height, sigma, edge).kernel.copy()  # torch refuses what is read-only
