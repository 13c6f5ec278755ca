"""Restores the batch norms that export folded into the convolutions of a network.

A published model can then be trained further at full learning rate, as from its checkpoint: batch
norms help training (Ioffe and Szegedy 2015, arXiv:1502.03167); inference does not need them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bgblur.training.export.export import norm_pairs


@dataclass
class _Moments:
    """Sums over all pixels of a convolution's output, for each channel: float64 ``(C,)``."""

    total: Tensor
    squares: Tensor
    pixels: int = 0

    def add(self, output: Tensor) -> None:
        self.total += output.sum((0, 2, 3), dtype=torch.float64)
        self.squares += output.double().square().sum((0, 2, 3))
        self.pixels += output.numel() // output.shape[1]


@torch.no_grad()
def unfold_batch_norms(folded: nn.Module, bare: nn.Module, batches: Iterable[Tensor]) -> nn.Module:
    """Make ``bare``, which has batch norms, the same function as ``folded``, in eval mode.

    Both are on the CPU and have the same architecture: ``export.fold_batch_norms(bare)`` would have
    the parameters of ``folded``. ``batches`` holds at least one batch of normalised images
    ``(N, 3, H, W)``. Each batch norm gets its mean and variance from them, and a weight and bias
    that undo both, so that the function is the same until a step is taken. The convolutions are
    scaled to an output variance of 1.
    """
    pairs = [
        (convolution, norm, _convolution(folded, name))
        for name, convolution, norm in norm_pairs(bare)
    ]
    # Not strict: ``folded`` has biases in place of batch norms.
    bare.load_state_dict(folded.state_dict(), strict=False)
    moments = _measured(folded, [source for _, _, source in pairs], batches)
    for convolution, norm, source in pairs:
        assert source.bias is not None  # from its batch norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        seen = moments[source]
        mean = seen.total / seen.pixels
        variance = (seen.squares / seen.pixels - mean.square()).clamp(min=0)
        # eps: a constant channel has a deviation of 0.
        deviation = (variance + norm.eps).sqrt()
        convolution.weight.copy_(source.weight / deviation[:, None, None, None])
        if convolution.bias is not None:
            convolution.bias.zero_()  # the batch norm has one too
        # The folded bias is part of the measured output, but not of the bare convolution's.
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
    """The moments of the output of each of the ``convolutions``, in eval mode."""
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
