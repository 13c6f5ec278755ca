"""Depthwise convolutions in float32 within bfloat16 training, on processors."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class _Float32Convolution(nn.Conv2d):
    def forward(self, input: Tensor) -> Tensor:
        with torch.autocast(input.device.type, enabled=False):
            return super().forward(input.float())


def depthwise_in_float32(network: nn.Module) -> None:
    """Exclude the depthwise convolutions of ``network``, in place, from mixed precision.

    oneDNN's backward pass of such a convolution takes up to 17 times as long in bfloat16 as in
    float32 (5x5, stride 2), a third of a MobileNet's step. The weights are float32 either way.
    """
    for module in network.modules():
        if type(module) is nn.Conv2d and module.groups == module.in_channels > 1:
            module.__class__ = _Float32Convolution  # the same weights, in the same optimizer
