"""Batch norms for a network whose own were folded into its convolutions at export.

So a published model is trained on as its checkpoint would be, at full learning rate: what a batch
norm is worth lies in training (Ioffe and Szegedy 2015, arXiv:1502.03167), and export has no use
for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bgblur.training.export.export import norm_pairs


@dataclass
class _Moments:
    """Of a convolution's output, by channel, over every pixel seen. Sums are float64 ``(C,)``."""

    total: Tensor
    squares: Tensor
    pixels: int = 0

    def add(self, output: Tensor) -> None:
        self.total += output.sum((0, 2, 3), dtype=torch.float64)
        self.squares += output.square().sum((0, 2, 3), dtype=torch.float64)
        self.pixels += output.numel() // output.shape[1]


@torch.no_grad()
def unfold_batch_norms(folded: nn.Module, bare: nn.Module, batches: Iterable[Tensor]) -> nn.Module:
    """``bare``, which has batch norms, made the same function as ``folded``, and in eval mode.

    Both are on the CPU and of one architecture, so that ``export.fold_batch_norms(bare)`` would
    have the parameters of ``folded``. ``batches`` are normalised images ``(N, 3, H, W)``, one batch
    at least: each batch norm takes its mean and variance from them, and undoes both with its own
    weight and bias, so that nothing changes until a step is taken. The convolutions are scaled to a
    variance of 1.
    """
    pairs = [
        (convolution, norm, _convolution(folded, name))
        for name, convolution, norm in norm_pairs(bare)
    ]
    # Not strict: ``folded`` has no batch norms, and biases in their stead.
    bare.load_state_dict(folded.state_dict(), strict=False)
    moments = _measured(folded, [source for _, _, source in pairs], batches)
    for convolution, norm, source in pairs:
        assert source.bias is not None  # the batch norm's
        assert norm.running_mean is not None
        assert norm.running_var is not None
        seen = moments[source]
        mean = seen.total / seen.pixels
        variance = (seen.squares / seen.pixels - mean.square()).clamp(min=0)
        # A channel that is always the same has no deviation to be scaled by.
        deviation = (variance + norm.eps).sqrt()
        convolution.weight.copy_(source.weight / deviation[:, None, None, None])
        if convolution.bias is not None:
            convolution.bias.zero_()  # the batch norm has one too
        # The folded bias is part of the output that was measured, not of the bare convolution's.
        norm.running_mean.copy_((mean - source.bias) / deviation)
        norm.running_var.copy_(variance / deviation.square())
        norm.weight.copy_(deviation * (norm.running_var.double() + norm.eps).sqrt())
        norm.bias.copy_(mean)
    return bare.eval()


def _convolution(network: nn.Module, name: str) -> nn.Conv2d:
    found = network.get_submodule(name)
    assert isinstance(found, nn.Conv2d)
    return found


def _measured(
    network: nn.Module, convolutions: list[nn.Conv2d], batches: Iterable[Tensor]
) -> dict[nn.Module, _Moments]:
    """Of what each of the network's ``convolutions`` puts out in eval mode."""
    moments: dict[nn.Module, _Moments] = {}
    for convolution in convolutions:
        zeros = torch.zeros(convolution.out_channels, dtype=torch.float64)
        moments[convolution] = _Moments(zeros, zeros.clone())
    hooks = [
        convolution.register_forward_hook(lambda module, _, output: moments[module].add(output))
        for convolution in convolutions
    ]
    network.eval()
    for images in batches:
        network(images)
    for hook in hooks:
        hook.remove()
    return moments
