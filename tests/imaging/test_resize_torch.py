from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.kernel_shim import on_the_processor
from support.torch_marks import needs_cuda
from torch import Tensor

from bgblur.gpu.kernels import Kernel
from bgblur.imaging import resize_torch
from bgblur.imaging.resize_torch import NAMES, SOURCE, area_resize, by_kernel

sides = st.integers(1, 70)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Kernel]:
    return on_the_processor(SOURCE, tuple(NAMES.values()), tmp_path_factory.mktemp("kernels"))


def picture(rows: int, columns: int, seed: int = 1) -> Tensor:
    """(3, rows, columns), laid out as a frame is that was permuted."""
    colors = np.random.default_rng(seed).integers(0, 256, (rows, columns, 3), np.uint8)
    return torch.from_numpy(colors).permute(2, 0, 1).float()


@settings(max_examples=60, deadline=None)
@given(rows=sides, columns=sides, height=sides, width=sides)
def test_the_kernel_computes_what_the_matrices_do(
    made: list[Kernel], rows: int, columns: int, height: int, width: int
) -> None:
    planes = picture(rows, columns)
    assert not planes.is_contiguous() or min(rows, columns) == 1
    expected = area_resize(planes, width, height)
    for kind in NAMES:
        found = by_kernel(made, planes.to(kind), width, height)
        torch.testing.assert_close(found, expected, atol=2e-3, rtol=0)


@pytest.mark.parametrize(("width", "height"), [(512, 288), (160, 90), (320, 192), (33, 17)])
def test_area_resize_equals_opencvs(made: list[Kernel], width: int, height: int) -> None:
    planes = picture(720, 1280)
    image = planes.permute(1, 2, 0).contiguous().numpy()
    expected = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    for small in (area_resize(planes, width, height), by_kernel(made, planes, width, height)):
        np.testing.assert_allclose(small.permute(1, 2, 0).numpy(), expected, atol=0.01)


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize(("width", "height"), [(512, 288), (160, 90)])
def test_a_gpu_computes_the_same(width: int, height: int, monkeypatch: pytest.MonkeyPatch) -> None:
    planes = picture(720, 1280)
    for kind in NAMES:
        found = area_resize(planes.to(kind).cuda(), width, height).cpu()
        torch.testing.assert_close(found, area_resize(planes, width, height), atol=2e-3, rtol=0)
    monkeypatch.setattr(resize_torch, "kernels", lambda *_: None)
    plain = area_resize(planes.cuda(), width, height).cpu()
    torch.testing.assert_close(plain, found, atol=2e-3, rtol=0)
