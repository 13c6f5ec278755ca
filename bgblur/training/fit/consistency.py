"""That the same picture gives the same alpha: a little moved, and with a camera's noise.

What differs then is what flickers in a stream (after "Stability training", Zheng et al. 2016,
arXiv:1604.04326). The truth has its own losses; this one needs none.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

EVERY = 4  # pictures of a batch, one is seen twice
_SHIFT = 2.0  # pixels, each way, at most
_ZOOM = 0.01  # larger or smaller
_NOISE = 0.06  # standard deviations of normalised pictures, some 3 levels of 255, at most


@dataclass(frozen=True)
class Move:
    """From places in the moved picture to those in the first: (N, h, w, 2), as grid_sample has
    them."""

    grid: Tensor

    def __call__(self, planes: Tensor) -> Tensor:
        """``planes`` (N, C, h, w), moved."""
        return F.grid_sample(
            planes, self.grid.to(planes.dtype), padding_mode="reflection", align_corners=False
        )


def seen_again(inputs: Tensor, seed: int) -> tuple[Tensor, Move]:
    """Normalised pictures (N, 3, h, w) as another frame might have them, and how they moved."""
    device, (count, _, height, width) = inputs.device, inputs.shape
    generator = torch.Generator(device).manual_seed(seed)

    def drawn(*shape: int) -> Tensor:  # -1..1
        return 2 * torch.rand(shape, generator=generator, device=device) - 1

    move = torch.zeros(count, 2, 3, device=device)
    move[:, 0, 0] = move[:, 1, 1] = 1 + _ZOOM * drawn(count)
    # The grid's picture is 2 wide and 2 high.
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
