"""The compositor on a torch device: the same arithmetic as the CPU's, on tensors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bgblur.compositing.blur import FLOOR, PERSON_FROM, BlurPlan, plan_blur
from bgblur.compositing.compositor import PictureCache
from bgblur.compositing.look import Look, sigma_of
from bgblur.frame import Image
from bgblur.torch_resize import area_resize


class TorchCompositor:
    """Takes tensors on its device (or arrays, which it uploads); downloads the result once."""

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)
        self._pictures = PictureCache()
        self._uploaded: tuple[Image, Tensor] | None = None

    @torch.inference_mode()
    def compose(self, pixels: Any, alpha: Any, look: Look) -> Image:
        frame = self._tensor(pixels)
        if look.raw:
            return _download(frame, look)
        cover = self._tensor(alpha)
        planes = frame.permute(2, 0, 1).float()
        if look.mode == "blur":
            background = self._blurred(planes, cover, look.strength)
        else:
            background = self._background(look, frame.shape[1], frame.shape[0])
        mixed = background + (planes - background) * cover
        return _download(_to_bytes(mixed), look)

    @torch.inference_mode()
    def obscure(self, pixels: Any, look: Look) -> Image:
        frame = self._tensor(pixels)
        if look.mode in ("image", "color"):
            return _download(
                _to_bytes(self._background(look, frame.shape[1], frame.shape[0])), look
            )
        planes = frame.permute(2, 0, 1).float()
        nobody = torch.zeros(frame.shape[:2], device=self._device)
        return _download(_to_bytes(self._blurred(planes, nobody, 100)), look)

    def _tensor(self, data: Any) -> Tensor:
        tensor: Tensor = data if isinstance(data, Tensor) else torch.from_numpy(data)
        return tensor.to(self._device)

    def _background(self, look: Look, width: int, height: int) -> Tensor:
        picture = self._pictures.fitted(look, width, height)
        if self._uploaded is None or self._uploaded[0] is not picture:
            self._uploaded = (picture, self._tensor(picture).permute(2, 0, 1).float())
        return self._uploaded[1]

    def _blurred(self, planes: Tensor, alpha: Tensor, strength: int) -> Tensor:
        height, width = alpha.shape
        plan = plan_blur(width, height, sigma_of(strength, height))
        image = area_resize(planes, plan.width, plan.height)
        cells = area_resize(alpha[None], plan.width, plan.height)
        dilated = F.max_pool2d(cells, 3, stride=1, padding=1)
        weight = (1 - dilated / PERSON_FROM).clamp(0, 1)
        weighted = image * weight
        mean = (weighted.mean((1, 2)) + FLOOR * 128) / (weight.mean() + FLOOR)
        sums = _gaussian(torch.cat([weighted, weight]), plan)
        filled = (sums[:3] + FLOOR * mean[:, None, None]) / (sums[3:] + FLOOR)
        return F.interpolate(
            filled[None], size=(height, width), mode="bilinear", align_corners=False
        )[0]


def _gaussian(planes: Tensor, plan: BlurPlan) -> Tensor:
    kernel = torch.from_numpy(plan.kernel).to(planes.device)
    radius = len(plan.kernel) // 2
    padded = F.pad(planes[:, None], (radius, radius, radius, radius), mode="replicate")
    rows = F.conv2d(padded, kernel.view(1, 1, -1, 1))
    return F.conv2d(rows, kernel.view(1, 1, 1, -1))[:, 0]


def _to_bytes(planes: Tensor) -> Tensor:
    return planes.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)


def _download(frame: Tensor, look: Look) -> Image:
    if look.mirror:
        frame = frame.flip(1)
    picture: Image = frame.contiguous().cpu().numpy()
    return picture
