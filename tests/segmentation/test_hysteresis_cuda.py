"""The kernels of hysteresis_cuda.py, here on the processor; on a GPU: test_finder_torch.py."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.kernel_shim import on_the_processor
from test_finder_torch import moving_people
from torch import Tensor

from bgblur.frame import Alpha
from bgblur.gpu.kernels import Kernel
from bgblur.segmentation.hysteresis import Hysteresis
from bgblur.segmentation.hysteresis_cuda import NAMES, SOURCE, keep_certain


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Kernel]:
    return on_the_processor(SOURCE, NAMES, tmp_path_factory.mktemp("kernels"))


def through(made: list[Kernel], frames: list[Alpha], passed: int = 1) -> list[Alpha]:
    age: Tensor | None = None
    kept = []
    for frame in frames:
        alpha, age = keep_certain(made, torch.from_numpy(frame), age, torch.tensor(passed))
        kept.append(alpha.numpy())
    return kept


def expected(frames: list[Alpha], passed: int = 1) -> list[Alpha]:
    certain = Hysteresis()
    return [np.asarray(certain(frame, True, passed)) for frame in frames]


def same(made: list[Kernel], frames: list[Alpha], passed: int = 1) -> int:
    """How many pixels went, over all frames; those of the processor's own way, or it fails."""
    here, there = through(made, frames, passed), expected(frames, passed)
    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(one, other)
    return sum(int((a != b).sum()) for a, b in zip(frames, here, strict=True))


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (9, 14), (96, 160), (73, 131)])
@pytest.mark.parametrize("seed", range(6))
def test_kernels_decide_on_noise_like_the_processor(
    made: list[Kernel], shape: tuple[int, int], seed: int
) -> None:
    """Regions of all shapes, that come, go and grow from frame to frame."""
    rng = np.random.default_rng(seed)
    scale = rng.uniform(0.3, 1.2)
    frames = [(scale * rng.random(shape) ** 3).clip(0, 1).astype(np.float32) for _ in range(5)]
    same(made, frames, passed=1 + 20 * seed)


def test_kernels_decide_on_people_like_the_processor(made: list[Kernel]) -> None:
    frames = [np.divide(f[..., 0], 255, dtype=np.float32) for f in moving_people(40, 3)]
    assert same(made, frames) > 0


@pytest.mark.parametrize("turn", range(4))
def test_a_snake_is_one_region(made: list[Kernel], turn: int) -> None:
    """Certain at its head alone, and as long as the picture allows."""
    cells = np.zeros((41, 63), np.float32)
    cells[::2] = 0.5
    cells[1::4, -1] = cells[3::4, 0] = 0.5
    snake = cells.repeat(4, 0).repeat(4, 1)
    assert same(made, [np.rot90(snake, turn).copy()]) == int((snake > 0).sum())
    snake[0, 0] = 0.97
    assert same(made, [np.rot90(snake, turn).copy()]) == 0


def test_alpha_between_regions_is_kept_if_no_region_is_dropped(made: list[Kernel]) -> None:
    frame = np.full((16, 16), 0.2, np.float32)
    frame[:4, :4] = 1
    assert same(made, [frame]) == 0
    frame[12:, 12:] = 0.5
    assert same(made, [frame]) == 16 * 16 - 16
