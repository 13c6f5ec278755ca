from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bgblur.training.fit.loss import laplacian_loss, matte_loss, outline


def disc(size: int = 32) -> Tensor:
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    return (((y - size / 2) ** 2 + (x - size / 2) ** 2) < 80).float()[None, None]


def test_ignored_pixels_have_no_gradient() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 1, 32, 32, requires_grad=True)
    weight = torch.ones(2, 1, 32, 32)
    weight[..., :10] = 0
    matte_loss(logits, disc().repeat(2, 1, 1, 1), weight).backward()
    assert logits.grad is not None
    assert not logits.grad[..., :10].any()
    assert (logits.grad[..., 10:] != 0).all()


def test_ignored_pixels_do_not_change_the_loss() -> None:
    truth, weight = disc(), torch.ones(1, 1, 32, 32)
    weight[..., 26:] = 0
    logits = torch.zeros(1, 1, 32, 32)
    other = logits.clone()
    other[..., 26:] = 50
    assert matte_loss(logits, truth, weight) == matte_loss(other, truth, weight)


def test_the_true_alpha_has_the_lowest_loss() -> None:
    truth, weight = disc(), torch.ones(1, 1, 32, 32)
    sure = (truth - 0.5) * 40
    best = matte_loss(sure, truth, weight)
    torch.manual_seed(0)
    others = [torch.zeros_like(sure), -sure, sure.roll(2, 3), torch.randn_like(sure), sure * 0.05]
    assert all(matte_loss(other, truth, weight) > best + 1e-3 for other in others)
    assert best == pytest.approx(0, abs=1e-4)


def test_an_error_at_the_outline_costs_more() -> None:
    truth, weight = disc(), torch.ones(1, 1, 32, 32)
    sure = (truth - 0.5) * 40
    near, far = sure.clone(), sure.clone()
    near[0, 0, 16, 6] *= -1  # just outside the disc of radius 9
    far[0, 0, 1, 1] *= -1
    assert matte_loss(near, truth, weight) > matte_loss(far, truth, weight)


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_empty_rooms_and_weights_of_0_are_finite(weight: float) -> None:
    logits = torch.full((1, 1, 32, 32), -20.0, requires_grad=True)
    loss = matte_loss(logits, torch.zeros(1, 1, 32, 32), torch.full((1, 1, 32, 32), weight))
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-3)
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_outline_is_where_alpha_changes() -> None:
    edge = outline(disc())[0, 0]
    assert [edge[16, 16].item(), edge[0, 0].item(), edge[16, 7].item()] == [0, 0, 1]


def test_laplacian_loss_prefers_sharp_edges() -> None:
    alpha = torch.zeros(1, 1, 32, 64)
    alpha[..., 20:] = 1
    everywhere = torch.ones_like(alpha)
    right = alpha * 40 - 20
    soft = torch.nn.functional.avg_pool2d(right, 5, stride=1, padding=2) * 0.2
    assert laplacian_loss(right, alpha, everywhere) < 1e-3
    assert laplacian_loss(soft, alpha, everywhere) > laplacian_loss(right * 0.3, alpha, everywhere)


def test_laplacian_loss_ignores_pixels_of_weight_0() -> None:
    alpha = torch.zeros(1, 1, 32, 32)
    wrong = torch.full_like(alpha, -20)
    wrong[..., :16] = 20
    known = torch.ones_like(alpha)
    assert laplacian_loss(wrong, alpha, known) > 0.1
    known[..., :16] = 0
    assert laplacian_loss(wrong, alpha, known) < 1e-3


def test_laplacian_loss_alone_finds_alpha() -> None:
    alpha = disc()
    logits = torch.zeros_like(alpha, requires_grad=True)
    optimizer = torch.optim.Adam([logits], 0.2)
    for _ in range(100):
        optimizer.zero_grad()
        laplacian_loss(logits, alpha, torch.ones_like(alpha)).backward()
        optimizer.step()
    assert (logits.sigmoid() - alpha).abs().max() < 0.2
