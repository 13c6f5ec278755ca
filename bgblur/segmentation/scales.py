"""A second look from further away, where the network sees a picture large.

Close up a blanket may be a sleeve and a jacket a wall; seen small, each is plainly what it is, but
has no fine outline. So both have a say: their logits are averaged (multi-scale inference, as in
Chen et al., "Attention to Scale", CVPR 2016). The second look costs a fifth of the first.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from bgblur.gpu.stream import beside

_FROM = 256  # lines of the network's input: smaller ones are far enough away
_SMALLER = 0.45  # the second look's height; Segmenter rounds it
_SAY = 0.45  # of the second look
_SHARPER = 1.1  # the mean of two that differ is less sure than either
_LEAST = 1e-3  # alpha, from 0 and 1: the surest logit must not silence the other


def looked_at(
    look: Callable[[int], Tensor], input_height: int, device: torch.device | str = "cpu"
) -> Tensor:
    """Alpha ``float32`` (h, w) of a network on ``device`` that ``look`` shows a picture at a
    height. What has not two dimensions is given on as it is."""
    if input_height < _FROM:
        return look(input_height)
    with beside(device) as awaited:  # alone, it leaves most of a GPU idle
        far = look(round(_SMALLER * input_height))
    close = look(input_height)
    awaited()
    return combined(close, far) if close.ndim == far.ndim == 2 else close


def combined(close: Tensor, far: Tensor) -> Tensor:
    """Alpha of both looks, as large as ``close``; what is no alpha in one of them still is none."""
    wide = F.interpolate(far[None, None], close.shape, mode="bilinear")[0, 0]
    logits = torch.lerp(torch.logit(close, _LEAST), torch.logit(wide, _LEAST), _SAY)
    return torch.sigmoid(_SHARPER * logits) + _beyond(close) + _beyond(wide)


def _beyond(alpha: Tensor) -> Tensor:
    return alpha - alpha.clamp(0, 1)
