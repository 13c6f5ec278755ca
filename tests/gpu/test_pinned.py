from __future__ import annotations

import numpy as np
import pytest
import torch
from support.torch_marks import needs_cuda

from bgblur.gpu.pinned import Downloader, Uploader

DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, needs_cuda])]


def noise(seed: int, *shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("device", DEVICES)
def test_upload_and_download_return_the_same(device: str) -> None:
    upload, download = Uploader(device), Downloader(device)
    held = []
    for i in range(12):
        picture = noise(i, 36 + i // 6, 64, 3)  # a new size half-way
        got = download(upload(picture))
        np.testing.assert_array_equal(got, picture)
        held.append((got, picture))
    for got, picture in held:  # none was written to while it was held
        np.testing.assert_array_equal(got, picture)


@pytest.mark.gpu
@needs_cuda
def test_a_picture_may_have_any_strides() -> None:
    upload, download = Uploader("cuda"), Downloader("cuda")
    picture = noise(1, 36, 64, 3)
    fixed = picture.copy()
    fixed.flags.writeable = False
    for laid in (picture[::-1], picture[:, ::-1], picture[..., ::-1], picture[::2, 8:], fixed):
        np.testing.assert_array_equal(download(upload(laid)), laid)


@pytest.mark.parametrize("device", DEVICES)
def test_unreferenced_memory_is_used_again(device: str) -> None:
    download = Downloader(device)
    places = {download(torch.zeros(9, 16, device=device)).ctypes.data for _ in range(20)}
    assert len(places) == 1


@pytest.mark.gpu
@needs_cuda
def test_the_callers_picture_may_be_reused_at_once() -> None:
    upload, download = Uploader("cuda"), Downloader("cuda")
    uploaded = []
    picture = noise(0, 1080, 1920, 3)
    for i in range(10):
        picture[:] = i
        uploaded.append(upload(picture))
    assert [int(download(pixels).max()) for pixels in uploaded] == list(range(10))
