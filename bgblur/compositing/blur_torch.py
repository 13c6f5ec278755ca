"""blur.py on a torch device: the same arithmetic, on tensors."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from bgblur.compositing.blur import FLOOR, PERSON_FROM, plan_blur
from bgblur.compositing.lens import plan_lens
from bgblur.compositing.lens_torch import lens_room, lens_taps
from bgblur.frame import Alpha
from bgblur.gpu.constants import constant
from bgblur.imaging.resize_torch import area_resize


def blurred_room(planes: Tensor, alpha: Tensor, sigma: float, edge: float | None = None) -> Tensor:
    """The frame (3, H, W) without the person of ``alpha`` (H, W), blurred by ``sigma`` pixels;
    the lens blur with ``edge``."""
    small = small_room(planes, alpha, sigma, edge)
    size = (alpha.shape[0], alpha.shape[1])
    return F.interpolate(small[None], size=size, mode="bilinear", align_corners=False)[0]


def small_room(planes: Tensor, alpha: Tensor, sigma: float, edge: float | None = None) -> Tensor:
    """As ``blurred_room``, at the plan's low resolution (3, h, w)."""
    height, width = alpha.shape
    if edge is not None:
        lens = plan_lens(width, height, sigma, edge)
        weight = room_weight(area_resize(alpha[None], lens.width, lens.height))
        taps = lens_taps(width, height, sigma, edge, planes.device)
        return lens_room(planes, weight, lens, taps, FLOOR)
    plan = plan_blur(width, height, sigma)
    image = area_resize(planes, plan.width, plan.height)
    weight = room_weight(area_resize(alpha[None], plan.width, plan.height))
    weighted = image * weight
    mean = (weighted.mean((1, 2)) + FLOOR * 128) / (weight.mean() + FLOOR)
    taps = constant(_kernel, width, height, sigma, device=planes.device)
    sums = gaussian(torch.cat([weighted, weight]), taps)
    return (sums[:3] + FLOOR * mean[:, None, None]) / (sums[3:] + FLOOR)


def room_weight(alpha: Tensor) -> Tensor:
    """As blur.room_weight, for ``alpha`` (1, h, w)."""
    return (1 - F.max_pool2d(alpha, 3, stride=1, padding=1) / PERSON_FROM).clamp(0, 1)


def _kernel(width: int, height: int, sigma: float) -> Alpha:
    return plan_blur(width, height, sigma).kernel


def gaussian(planes: Tensor, kernel: Tensor) -> Tensor:
    """``planes`` (C, h, w) filtered with the 1-D ``kernel`` on both axes, borders replicated."""
    radius = len(kernel) // 2
    padded = F.pad(planes[:, None], (radius, radius, radius, radius), mode="replicate")
    rows = F.conv2d(padded, kernel.view(1, 1, -1, 1))
    return F.conv2d(rows, kernel.view(1, 1, 1, -1))[:, 0]
