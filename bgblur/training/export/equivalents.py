"""Rewrites a LightUnet as the same function in fewer operations, for export.

Enlarging and convolving in one step: after nearest-neighbour enlargement, a 3x3 convolution reads
the same values several times. Its kernel, with the weights for equal values added up, is the 4x4
kernel of a transposed convolution with stride 2, which uses four values a pixel instead of nine
(Shi et al., "Is the deconvolution layer the same as a convolutional layer?", arXiv:1609.07009). The
skip connection, which is not enlarged, has its own convolution: the maps need no concatenation.

One output channel: the kernels for processors compute sixteen at a time. A depthwise convolution,
followed by a sum over the channels, is a fifth of the work.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from bgblur.segmentation.network import LightUnet

# Along one axis: which of the three weights are added up in each of the four.
_SPREAD = torch.tensor([[1.0, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 1]])


def for_processors(network: LightUnet) -> LightUnet:
    """Rewrite ``network``, whose batch norms are folded, in place."""
    widths: list[int] = list(network.encoder.out_channels)  # type: ignore[arg-type]
    for number, skip in enumerate(widths[-2:0:-1]):
        convolution, *others = network.stages[number].children()
        assert isinstance(convolution, nn.Conv2d)
        network.stages[number] = _JoinedStage(_Joined(convolution, skip), *others)
    assert isinstance(network.head, nn.Conv2d)
    network.head = _Summed(network.head)
    return network


def as_trained(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Undo ``for_processors`` on weights: the names and shapes of the network as it was trained.

    Other weights are returned unchanged.
    """
    parted = dict(weights)
    for name in weights:
        of, _, part = name.rpartition(".up.")
        if part == "weight":
            up, skip = parted.pop(name), parted.pop(f"{of}.skip.weight")
            parted[f"{of}.weight"] = torch.cat([_gathered(up), skip], 1)
            parted[f"{of}.bias"] = parted.pop(f"{of}.up.bias")
        of, _, part = name.rpartition(".each.")
        if part == "weight":
            parted[f"{of}.weight"] = parted.pop(name).transpose(0, 1)
            parted[f"{of}.bias"] = parted.pop(f"{of}.each.bias").sum()[None]
    return parted


class _Joined(nn.Module):
    """``convolution`` of two maps: (N, C, h, w), enlarged by two, and (N, S, 2h, 2w)."""

    def __init__(self, convolution: nn.Conv2d, skip: int) -> None:
        super().__init__()
        out, deeper = convolution.out_channels, convolution.in_channels - skip
        self.up = nn.ConvTranspose2d(deeper, out, 4, stride=2, padding=1)
        self.skip = nn.Conv2d(skip, out, 3, padding=1, bias=False)
        of_deeper, of_skip = convolution.weight.detach().split([deeper, skip], 1)
        self.up.weight = nn.Parameter(_spread(of_deeper))
        self.up.bias = convolution.bias
        self.skip.weight = nn.Parameter(of_skip.clone())

    def forward(self, deeper: Tensor, skip: Tensor) -> Tensor:
        enlarged: Tensor = self.up(deeper)
        return enlarged.add_(self.skip(skip))


class _JoinedStage(nn.Sequential):
    def forward(self, deeper: Tensor, skip: Tensor) -> Tensor:  # type: ignore[override]
        joined, *others = self.children()
        x: Tensor = joined(deeper, skip)
        for module in others:
            x = module(x)
        return x


class _Summed(nn.Module):
    """A ``convolution`` with one output channel: (N, C, h, w) to (N, 1, h, w)."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        channels = convolution.in_channels
        self.each = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.each.weight = nn.Parameter(convolution.weight.detach().transpose(0, 1).clone())
        bias = torch.zeros(channels)
        if convolution.bias is not None:
            bias[0] = convolution.bias.detach()[0]
        self.each.bias = nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        each: Tensor = self.each(x)
        return each.sum(1, keepdim=True)


def _spread(kernels: Tensor) -> Tensor:
    """Kernels (O, I, 3, 3) to those of the transposed convolution, flipped: (I, O, 4, 4)."""
    spread = _SPREAD.to(kernels.dtype)
    return (spread @ kernels.flip(2, 3) @ spread.T).transpose(0, 1)


def _gathered(kernels: Tensor) -> Tensor:
    """The inverse of ``_spread``; the least-squares solution where rounding left no exact one."""
    gather = torch.linalg.pinv(_SPREAD).to(kernels.dtype)
    return (gather @ kernels.transpose(0, 1) @ gather.T).flip(2, 3)
