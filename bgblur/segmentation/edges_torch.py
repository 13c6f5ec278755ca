"""edges.py on a torch device: the same filter, on tensors."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from bgblur.gpu.constants import constant
from bgblur.gpu.kernels import kernels
from bgblur.imaging.resize_torch import area_resize
from bgblur.segmentation import edges_cuda
from bgblur.segmentation.edges import EPSILON, feather_sigma, firm, radius_of


@torch.inference_mode()
def upsample(alpha: Tensor, image: Tensor, refine: bool = True, feather: float = 0.0) -> Tensor:
    """As edges.upsample: alpha ``float32`` (h, w), image BGR ``uint8`` (H, W, 3), on one device."""
    size = (image.shape[0], image.shape[1])
    small = alpha[None, None]
    if feather > 0:
        small = _gaussian(small, feather_sigma(feather, alpha.shape[0]))
    if not refine:
        return _result(_enlarge(small, size))
    made = kernels(edges_cuda.SOURCE, edges_cuda.NAMES, image.device)
    if made is not None:
        return edges_cuda.upsample(made, small[0, 0], image)
    blue, green, red = image.permute(2, 0, 1).float()
    luma = (0.114 * blue + 0.587 * green + 0.299 * red).round()[None, None]  # rounded, as in OpenCV
    low = area_resize(luma[0], alpha.shape[1], alpha.shape[0]).round()[None] / 255
    radius = radius_of(alpha.shape[0])
    means = _mean(torch.cat([low, small, low * low, low * small], dim=1), radius)
    mean_luma, mean_alpha, mean_square, mean_product = means.split(1, dim=1)
    a = (mean_product - mean_luma * mean_alpha) / (mean_square - mean_luma**2 + EPSILON)
    b = mean_alpha - a * mean_luma
    a, b = _enlarge(_mean(torch.cat([a, b], dim=1), radius), size).split(1, dim=1)
    return _result(a / 255 * luma + b)


def _result(alpha: Tensor) -> Tensor:
    firmed: Tensor = firm(alpha[0, 0])
    return firmed


def _mean(planes: Tensor, radius: int) -> Tensor:
    padded = F.pad(planes, (radius, radius, radius, radius), mode="replicate")
    return F.avg_pool2d(padded, 2 * radius + 1, stride=1)


def _enlarge(planes: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(planes, size=size, mode="bilinear", align_corners=False)


def _gaussian(planes: Tensor, sigma: float) -> Tensor:
    radius = max(1, round(4 * sigma))
    taps = constant(_taps, radius, sigma, device=planes.device)
    padded = F.pad(planes, (radius, radius, radius, radius), mode="reflect")
    return F.conv2d(F.conv2d(padded, taps.view(1, 1, -1, 1)), taps.view(1, 1, 1, -1))


def _taps(radius: int, sigma: float) -> NDArray[np.float32]:
    kernel = cv2.getGaussianKernel(2 * radius + 1, sigma, cv2.CV_32F)
    return np.asarray(kernel[:, 0], np.float32)
