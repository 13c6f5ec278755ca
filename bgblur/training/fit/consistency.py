"""A loss for steadiness: a slightly moved, noisy copy of a picture must give the same alpha.

Differences between the two show as flicker in a stream (after "Stability training", Zheng et al.
2016, arXiv:1604.04326). This loss needs no true alpha.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

EVERY = 4  # one of so many pictures of a batch is used twice
_SHIFT = 2.0  # pixels, each way, at most
_ZOOM = 0.01  # larger or smaller
_NOISE = 0.06  # standard deviations of normalised pictures, some 3 levels of 255, at most


@dataclass(frozen=True)
class Move:
    """A small movement. ``grid`` (N, h, w, 2) holds, for each pixel of the moved picture, its place
    in the first one, as grid_sample takes it."""

    grid: Tensor

    def __call__(self, planes: Tensor) -> Tensor:
        """Move ``planes`` (N, C, h, w)."""
        return F.grid_sample(
            planes, self.grid.to(planes.dtype), padding_mode="reflection", align_corners=False
        )


def seen_again(inputs: Tensor, seed: int) -> tuple[Tensor, Move]:
    """Normalised pictures (N, 3, h, w) as the next frame might show them, and the movement."""
    device, (count, _, height, width) = inputs.device, inputs.shape
    generator = torch.Generator(device).manual_seed(seed)

    def drawn(*shape: int) -> Tensor:  # -1..1
        return 2 * torch.rand(shape, generator=generator, device=device) - 1

    move = torch.zeros(count, 2, 3, device=device)
    move[:, 0, 0] = move[:, 1, 1] = 1 + _ZOOM * drawn(count)
    # In the grid's units the picture is 2 wide and 2 high.
    move[:, :, 2] = drawn(count, 2) * torch.tensor(
        [2 * _SHIFT / width, 2 * _SHIFT / height], device=device
    )
    moved = Move(F.affine_grid(move, [count, 3, height, width], align_corners=False))
    noise = torch.randn(inputs.shape, generator=generator, device=device)
    amount = _NOISE * drawn(count).abs()[:, None, None, None]
    return moved(inputs) + amount * noise, moved


def consistency_loss(first: Tensor, again: Tensor, moved: Move) -> Tensor:
    """Mean absolute difference of the two alphas. Logits (N, 1, h, w). Returns a scalar."""
    return (again.sigmoid() - moved(first.sigmoid())).abs().mean()
