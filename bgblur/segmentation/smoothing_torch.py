"""smoothing.py on a torch device, for a picture that is on the device."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from bgblur.gpu.kernels import kernels
from bgblur.imaging.resize_torch import area_resize
from bgblur.segmentation import smoothing_cuda
from bgblur.segmentation.motion import ROWS, small_width
from bgblur.segmentation.smoothing import motion_of, smoothed, weight_of


def small_picture(pixels: Tensor) -> Tensor:
    """As motion.small_picture, rounded: ``float32`` (90, w, 3)."""
    return _shrunk(pixels, small_width(*pixels.shape[:2]), ROWS)


@torch.inference_mode()
def steadied(
    alpha: Tensor, pixels: Tensor, before: Tensor, seen: Tensor, past: Tensor
) -> tuple[Tensor, Tensor]:
    """(the mean of alpha (h, w), the mean of the small pictures) after the frame ``pixels``, BGR
    ``uint8`` (H, W, 3). ``before`` and ``seen`` are these means before it, of the same sizes;
    ``past``, without dimensions, is smoothing.past_of."""
    made = kernels(smoothing_cuda.SOURCE, smoothing_cuda.NAMES, alpha.device)
    if made is not None:
        return smoothing_cuda.steadied(made, alpha, pixels, before, seen, past)
    small = _shrunk(pixels, seen.shape[1], seen.shape[0])
    change = small - seen
    motion = motion_of(change.abs().amax(dim=2))
    enlarged = F.interpolate(motion[None, None], size=alpha.shape, mode="bilinear")[0, 0]
    mean = small - weight_of(motion, past)[..., None] * change
    return smoothed(alpha, before, enlarged, past), mean


def _shrunk(pixels: Tensor, width: int, height: int) -> Tensor:
    planes = area_resize(pixels.permute(2, 0, 1), width, height)
    return planes.round().permute(1, 2, 0).contiguous()
