from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from bgblur.training.fit.consistency import consistency_loss, seen_again


def pictures(count: int = 12) -> Tensor:
    """Smooth, normalised (N, 3, 64, 96)."""
    rng = np.random.default_rng(1)
    soft = [cv2.GaussianBlur(rng.normal(0, 1, (64, 96, 3)), (0, 0), 4) for _ in range(count)]
    return torch.from_numpy(np.stack(soft)).permute(0, 3, 1, 2).float() * 8


def test_copies_are_moved_and_noisy() -> None:
    inputs = pictures()
    again, moved = seen_again(inputs, 3)
    assert again.shape == inputs.shape
    assert not torch.equal(again, inputs)
    noise = (again - moved(inputs)).flatten(1).std(1)
    assert 0.001 < float(noise.max()) < 0.07
    # A plane of pixel coordinates shows how far each pixel moved.
    across = torch.arange(96.0).repeat(12, 1, 64, 1)
    shift = (moved(across) - across)[..., 8:-8, 8:-8].abs()
    assert 0.1 < float(shift.mean()) < 2.5
    assert float(shift.max()) < 3


def test_the_same_seed_gives_the_same_copies() -> None:
    inputs = pictures()
    assert torch.equal(seen_again(inputs, 3)[0], seen_again(inputs, 3)[0])
    assert not torch.equal(seen_again(inputs, 3)[0], seen_again(inputs, 4)[0])


def test_alpha_must_move_with_the_picture() -> None:
    inputs = pictures()
    _, moved = seen_again(inputs, 3)
    logits = 3 * inputs[:, :1]
    right = torch.logit(moved(logits.sigmoid()).clamp(1e-4, 1 - 1e-4))
    assert consistency_loss(logits, right, moved) < 1e-3
    assert consistency_loss(logits, logits, moved) > 0.02


def test_the_gradient_reaches_both_alphas() -> None:
    inputs = pictures()
    _, moved = seen_again(inputs, 3)
    first, again = (inputs[:, :1].clone().requires_grad_(True) for _ in range(2))
    consistency_loss(first, again, moved).backward()
    assert first.grad is not None
    assert first.grad.abs().sum() > 0
    assert again.grad is not None
    assert again.grad.abs().sum() > 0
