"""Asynchronous transfers to and from a GPU, through page-locked memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from bgblur.buffers import Buffers
from bgblur.frame import Image
from bgblur.gpu.stream import marked, on_stream

_PAGES = 2


class Uploader:
    """Copies pictures to ``device``; the caller may reuse the array immediately."""

    def __init__(self, device: torch.device | str) -> None:
        self._device = torch.device(device)
        self._pages: list[_Page] = []  # one is filled while the GPU reads the other

    def __call__(self, image: Image) -> Tensor:
        if self._device.type != "cuda":
            return torch.from_numpy(image).to(self._device)
        page = self._pages.pop(0) if len(self._pages) == _PAGES else _Page()
        self._pages.append(page)
        with on_stream(self._device):
            return page.send(image, self._device)


class _Page:
    def __init__(self) -> None:
        self._memory: Tensor | None = None
        self._wait_until_read: Callable[[], None] = lambda: None

    def send(self, image: Image, device: torch.device) -> Tensor:
        if self._memory is None or self._memory.shape != image.shape:
            self._memory = torch.empty(image.shape, dtype=torch.uint8, pin_memory=True)
        else:
            self._wait_until_read()
        _copy(image, self._memory)
        pixels = self._memory.to(device, non_blocking=True)
        self._wait_until_read = marked(device)
        return pixels


def _copy(image: Image, memory: Tensor) -> None:
    """Copy with several threads where torch accepts the array's strides."""
    if image.flags.writeable and min(image.strides) > 0:
        memory.copy_(torch.from_numpy(image))
    else:
        np.copyto(memory.numpy(), image)


class Downloader:
    """Copies tensors from ``device`` to arrays, which are reused once they are unreferenced."""

    def __init__(self, device: torch.device | str) -> None:
        self._device = torch.device(device)
        self._buffers = Buffers(_pinned if self._device.type == "cuda" else np.empty)

    def __call__(self, tensor: Tensor) -> NDArray[Any]:
        """``tensor`` as an array. The only place where a frame waits for the device."""
        with on_stream(self._device):
            like = torch.empty((), dtype=tensor.dtype).numpy().dtype
            array = self._buffers.take(tuple(tensor.shape), like)
            torch.from_numpy(array).copy_(tensor, non_blocking=True)
            arrived = marked(self._device)
        arrived()
        return array


def _pinned(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    kind = torch.from_numpy(np.empty(0, dtype)).dtype
    array: NDArray[Any] = torch.empty(shape, dtype=kind, pin_memory=True).numpy()
    return array
