"""What an encoder sees in a picture, compared between networks of different widths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

_DEEPEST = 2  # stages of an encoder, at strides 16 and 32


class EncoderFeatures:
    """Keeps in ``last`` the deepest features of ``network.encoder`` of the last forward pass, each
    ``(N, C, h, w)``."""

    def __init__(self, network: nn.Module) -> None:
        self.last: tuple[Tensor, ...] = ()
        network.get_submodule("encoder").register_forward_hook(self._keep)

    def _keep(self, _encoder: nn.Module, _inputs: Any, features: Sequence[Tensor]) -> None:
        self.last = tuple(features[-_DEEPEST:])


def similarity_loss(features: Sequence[Tensor], taught: Sequence[Tensor]) -> Tensor:
    """1 minus the linear CKA of two networks' features (Kornblith et al. 2019, arXiv:1905.00414,
    section 3), the mean over the stages: 0 where the same places are alike to both networks.

    Each pair is ``(N, C, h, w)`` and ``(N, D, h, w)``: the networks may differ in width, and no
    projection is learnt. Returns a scalar.

        similarity_loss(features, features)  # 0
    """
    stages = zip(map(_cells, features), map(_cells, taught), strict=True)
    return 1 - torch.stack([_alignment(ours, theirs) for ours, theirs in stages]).mean()


def _cells(planes: Tensor) -> Tensor:
    """``float32`` (places, channels), the mean of each channel 0."""
    cells = planes.float().movedim(1, -1).flatten(0, -2)
    return cells - cells.mean(0)


def _alignment(ours: Tensor, theirs: Tensor) -> Tensor:
    norms = (ours.T @ ours).norm() * (theirs.T @ theirs).norm()
    return (theirs.T @ ours).square().sum() / norms.clamp(min=1e-12)
