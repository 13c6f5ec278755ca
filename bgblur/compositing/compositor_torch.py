"""compositor.py on a torch device: the same arithmetic, on tensors."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from bgblur.compositing import blend_cuda
from bgblur.compositing.backdrop import BackdropCache
from bgblur.compositing.blur_torch import blurred_room, small_room
from bgblur.compositing.foreground_torch import clean, light_up
from bgblur.compositing.look import Look
from bgblur.frame import Image
from bgblur.gpu.graph import Outputs, Replay
from bgblur.gpu.kernels import kernels
from bgblur.gpu.pinned import Downloader
from bgblur.gpu.stream import on_stream
from bgblur.imaging.color_torch import to_i420


class TorchCompositor:
    """Takes tensors on its device, or arrays, which it uploads; downloads the result once.

    ``timed`` is a context for the download, which is measured as a separate stage.
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
        self._over_room = Replay(_over_room, self._device)
        self._over_picture = Replay(_over_picture, self._device)
        self._download = Downloader(self._device)

    @torch.inference_mode()
    def compose(
        self, pixels: Any, alpha: Any, look: Look, seconds: float = 0.0, i420: bool = False
    ) -> Image:
        i420 = i420 and self._device.type != "mps"  # its integer shifts are untested there
        with on_stream(self._device):
            frame = self._tensor(pixels)
            if look.raw:
                return self._finished(_finished(frame, look.mirror, i420))
            cover = self._tensor(alpha)
            height, width = cover.shape
            backdrop = self._backdrops.backdrop(look, width, height, seconds)
            if backdrop is None:
                sigma, edge = look.sigma(height), look.edge(height)
                made = self._over_room((frame, cover), sigma, edge, look.mirror, i420)
            else:
                amount = look.shown_light_wrap
                glow = self._kept("glow", backdrop.glow) if amount > 0 else None
                picture = self._kept("picture", backdrop.picture)
                made = self._over_picture((frame, cover, picture, glow), amount, look.mirror, i420)
            return self._finished(made[0])

    @torch.inference_mode()
    def obscure(self, pixels: Any, look: Look, seconds: float = 0.0) -> Image:
        with on_stream(self._device):
            frame = self._tensor(pixels)
            height, width = frame.shape[:2]
            backdrop = self._backdrops.backdrop(look, width, height, seconds)
            if backdrop is not None:
                picture = self._kept("picture", backdrop.picture)
                return self._finished(_finished(picture, look.mirror, i420=False))
            planes = frame.permute(2, 0, 1).float()
            nobody = torch.zeros((height, width), device=self._device)
            room = blurred_room(planes, nobody, look.strongest(height), look.edge(height))
            return self._finished(_finished(_to_bytes(room), look.mirror, i420=False))

    def _finished(self, made: Tensor) -> Image:
        with self._timed():
            return self._download(made)

    def _tensor(self, data: Any) -> Tensor:
        tensor: Tensor = data if isinstance(data, Tensor) else torch.from_numpy(data)
        return tensor.to(self._device)

    def _kept(self, name: str, image: Image) -> Tensor:
        """``image`` on the device; uploaded again only when it is another object."""
        kept = self._uploaded.get(name)
        if kept is None or kept[0] is not image:
            kept = self._uploaded[name] = (image, self._tensor(image))
        return kept[1]


def _over_room(
    frame: Tensor, alpha: Tensor, sigma: float, edge: float | None, mirror: bool, i420: bool
) -> Outputs:
    made = kernels(blend_cuda.SOURCE, (blend_cuda.NAME,), frame.device)
    if made is not None:
        room = small_room(frame.permute(2, 0, 1), alpha, sigma, edge)
        return (_finished(blend_cuda.blended(made[0], frame, alpha, room), mirror, i420),)
    person = _planes(frame)
    return (_blended(blurred_room(person, alpha, sigma, edge), person, alpha, mirror, i420),)


def _over_picture(
    frame: Tensor,
    alpha: Tensor,
    picture: Tensor,
    glow: Tensor | None,
    light_wrap: float,
    mirror: bool,
    i420: bool,
) -> Outputs:
    person = clean(_planes(frame), alpha)
    if glow is not None:
        person = light_up(person, alpha, _planes(glow), light_wrap)
    return (_blended(_planes(picture), person, alpha, mirror, i420),)


def _blended(room: Tensor, person: Tensor, alpha: Tensor, mirror: bool, i420: bool) -> Tensor:
    return _finished(_to_bytes(room + (person - room) * alpha), mirror, i420)


def _finished(frame: Tensor, mirror: bool, i420: bool) -> Tensor:
    """``frame`` ``uint8`` (H, W, 3), mirrored and converted as wanted."""
    if mirror:
        frame = frame.flip(1)
    return to_i420(frame) if i420 else frame.contiguous()


def _planes(image: Tensor) -> Tensor:
    return image.permute(2, 0, 1).float()


def _to_bytes(planes: Tensor) -> Tensor:
    return planes.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
