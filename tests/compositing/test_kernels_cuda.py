"""The compositor's kernels, here on the processor; on a GPU: test_agreement.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from support.kernel_shim import on_the_processor
from torch import Tensor

from bgblur.compositing import blend_cuda
from bgblur.compositing.compositor_torch import _blended, _planes
from bgblur.imaging import color_torch
from bgblur.imaging.color import to_i420

SIZES = [(2, 2), (6, 10), (90, 160), (360, 640)]


def noise(*shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(len(shape)).integers(0, 256, shape, np.uint8))


@pytest.mark.parametrize(("rows", "columns"), SIZES)
@pytest.mark.parametrize("mirrored", [False, True])
def test_i420_equals_opencvs(tmp_path: Path, rows: int, columns: int, mirrored: bool) -> None:
    kernel = on_the_processor(color_torch.SOURCE, (color_torch.NAME,), tmp_path)[0]
    image = noise(rows, columns, 3)
    if mirrored:
        image = image.permute(1, 0, 2).contiguous().permute(1, 0, 2)  # laid out otherwise
    planar = color_torch.by_kernel(kernel, image)
    np.testing.assert_array_equal(planar.numpy(), to_i420(image.contiguous().numpy()))


@pytest.mark.parametrize(("rows", "columns"), [*SIZES, (33, 17)])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 5), (18, 32)])
def test_the_kernel_composites_the_person_over_the_room(
    tmp_path: Path, rows: int, columns: int, height: int, width: int
) -> None:
    kernel = on_the_processor(blend_cuda.SOURCE, (blend_cuda.NAME,), tmp_path)[0]
    frame, room = noise(rows, columns, 3), noise(3, height, width).float()
    alpha = (1.4 * noise(rows, columns) / 255 - 0.2).clamp(0, 1)
    found = blend_cuda.blended(kernel, frame, alpha, room)
    behind = torch.nn.functional.interpolate(
        room[None], size=(rows, columns), mode="bilinear", align_corners=False
    )[0]
    wanted = _blended(behind, _planes(frame), alpha, mirror=False, i420=False)
    apart = (found.int() - wanted.int()).abs()
    assert int(apart.max()) <= 1  # where a half is rounded
    assert float(apart.float().mean()) < 0.01
