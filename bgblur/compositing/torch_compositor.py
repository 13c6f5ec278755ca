"""The compositor on a torch device: the same arithmetic as the CPU's, on tensors."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from bgblur.compositing.backdrop import Backdrop, BackdropCache
from bgblur.compositing.look import Look, sigma_of
from bgblur.compositing.torch_blur import blurred_room
from bgblur.compositing.torch_foreground import clean, light_up
from bgblur.frame import Image


class TorchCompositor:
    """Takes tensors on its device (or arrays, which it uploads); downloads the result once.

    ``timed`` is entered for the download, which is a stage of its own.
    """

    def __init__(
        self,
        device: str,
        timed: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._timed = timed
        self._device = torch.device(device)
        self._backdrops = BackdropCache()
        self._uploaded: dict[str, tuple[Image, Tensor]] = {}

    @torch.inference_mode()
    def compose(self, pixels: Any, alpha: Any, look: Look, seconds: float = 0.0) -> Image:
        frame = self._tensor(pixels)
        if look.raw:
            return self._download(frame, look)
        cover = self._tensor(alpha)
        height, width = cover.shape
        person = frame.permute(2, 0, 1).float()
        backdrop = self._backdrops.backdrop(look, width, height, seconds)
        if backdrop is None:
            room = blurred_room(person, cover, sigma_of(look.shown_strength, height))
        else:
            room = self._picture(backdrop)
            person = clean(person, cover)
            if look.shown_light_wrap > 0:
                person = light_up(person, cover, self._glow(backdrop), look.shown_light_wrap)
        return self._download(_to_bytes(room + (person - room) * cover), look)

    @torch.inference_mode()
    def obscure(self, pixels: Any, look: Look, seconds: float = 0.0) -> Image:
        frame = self._tensor(pixels)
        height, width = frame.shape[:2]
        backdrop = self._backdrops.backdrop(look, width, height, seconds)
        if backdrop is not None:
            return self._download(_to_bytes(self._picture(backdrop)), look)
        planes = frame.permute(2, 0, 1).float()
        nobody = torch.zeros((height, width), device=self._device)
        return self._download(_to_bytes(blurred_room(planes, nobody, sigma_of(100, height))), look)

    def _download(self, frame: Tensor, look: Look) -> Image:
        if look.mirror:
            frame = frame.flip(1)
        whole = frame.contiguous()
        with self._timed():
            picture: Image = whole.cpu().numpy()
        return picture

    def _tensor(self, data: Any) -> Tensor:
        tensor: Tensor = data if isinstance(data, Tensor) else torch.from_numpy(data)
        return tensor.to(self._device)

    def _picture(self, backdrop: Backdrop) -> Tensor:
        return self._planes("picture", backdrop.picture)

    def _glow(self, backdrop: Backdrop) -> Tensor:
        return self._planes("glow", backdrop.glow)

    def _planes(self, name: str, image: Image) -> Tensor:
        """``image`` on the device, uploaded once for as long as it stays the same."""
        kept = self._uploaded.get(name)
        if kept is None or kept[0] is not image:
            kept = (image, self._tensor(image).permute(2, 0, 1).float())
            self._uploaded[name] = kept
        return kept[1]


def _to_bytes(planes: Tensor) -> Tensor:
    return planes.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
