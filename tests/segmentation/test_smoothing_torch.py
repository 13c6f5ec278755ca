"""On tensors as on arrays, and the kernels, here on the processor; on a GPU: test_finder_torch."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from support.kernel_shim import on_the_processor
from support.scenes import disc
from torch import Tensor

from bgblur.frame import Alpha, Image
from bgblur.gpu.kernels import Kernel
from bgblur.segmentation import smoothing_cuda
from bgblur.segmentation.motion import small_picture
from bgblur.segmentation.smoothing import TemporalSmoother, past_of
from bgblur.segmentation.smoothing_torch import small_picture as small_tensor
from bgblur.segmentation.smoothing_torch import steadied

Steadied = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Kernel]:
    folder = tmp_path_factory.mktemp("kernels")
    return on_the_processor(smoothing_cuda.SOURCE, smoothing_cuda.NAMES, folder)


def scene(columns: int, rows: int) -> list[tuple[Image, Alpha]]:
    """Noise, somebody who moves, light that changes; alphas that flicker."""
    rng = np.random.default_rng(columns)
    room = cv2.GaussianBlur(rng.random((rows, columns, 3), np.float32), (0, 0), 3) * 200
    frames = []
    for step in range(12):
        person = np.roll(disc(columns, rows), 3 * step, axis=1)[..., None]
        noise = rng.normal(10 * (step == 8), 3, room.shape)
        image = (room * (1 - person) + 220 * person + noise).clip(0, 255).astype(np.uint8)
        alpha = cv2.resize(person, (88, 48)) + rng.normal(0, 0.2, (48, 88))
        frames.append((image, alpha.clip(0, 1).astype(np.float32)))
    return frames


def check_as_arrays(way: Steadied, columns: int, rows: int, laid: bool) -> None:
    """A level where a half is rounded is a seventh of the way to motion: there the two differ by a
    tenth of the change of alpha, which is mostly small."""
    smooth = TemporalSmoother(0.95)
    before: Tensor | None = None
    seen = torch.empty(0)
    for step, (image, plane) in enumerate(scene(columns, rows)):
        passed = 1 + step % 3
        wanted = smooth(plane, small_picture(image), passed)
        pixels, alpha = torch.from_numpy(image), torch.from_numpy(plane)
        if laid:
            pixels = pixels.permute(1, 0, 2).contiguous().permute(1, 0, 2)
        if before is None:
            before, seen = alpha, small_tensor(pixels)
        else:
            past = past_of(0.95, torch.tensor(passed))
            assert past.dtype == torch.float32
            before, seen = way(alpha, pixels, before, seen, past)
        apart = np.abs(before.numpy() - wanted)
        assert apart.max() < 0.1
        assert apart.mean() < 5e-3


@pytest.mark.parametrize("laid", [False, True])
@pytest.mark.parametrize("size", [(320, 180), (160, 96), (100, 131)])
def test_tensors_and_kernels_agree_with_arrays(
    made: list[Kernel], size: tuple[int, int], laid: bool
) -> None:
    def by_kernels(*given: Tensor) -> tuple[Tensor, Tensor]:
        return smoothing_cuda.steadied(made, *given)

    check_as_arrays(steadied, *size, laid)
    check_as_arrays(by_kernels, *size, laid)
    frames = scene(*size)
    (first, one), (second, other) = frames[3], frames[4]
    past = torch.tensor(0.9)
    pixels, alpha = torch.from_numpy(second), torch.from_numpy(other)
    given = (alpha, pixels, torch.from_numpy(one), small_tensor(torch.from_numpy(first)), past)
    for here, there in zip(by_kernels(*given), steadied(*given), strict=True):
        close = np.isclose(here.numpy(), there.numpy(), atol=1e-4)
        assert float(close.mean()) > 0.99


def test_a_picture_of_another_shape_is_accepted(made: list[Kernel]) -> None:
    """The mean keeps its size: alpha's is the same, and so the picture's is nearly."""
    alpha, before = torch.rand(2, 48, 88)
    pixels = torch.full((180, 316, 3), 77, dtype=torch.uint8)
    seen = torch.full((90, 160, 3), 77.0)
    for mean, picture in (
        steadied(alpha, pixels, before, seen, torch.tensor(0.9)),
        smoothing_cuda.steadied(made, alpha, pixels, before, seen, torch.tensor(0.9)),
    ):
        assert picture.shape == seen.shape
        np.testing.assert_allclose(picture, seen, atol=1e-4)
        assert float((mean - before).abs().max()) < float((alpha - before).abs().max()) / 2
