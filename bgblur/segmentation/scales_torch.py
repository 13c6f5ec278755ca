"""Inference at two scales, where the network's input is large.

At full scale a blanket may pass for a sleeve and a jacket for a wall. At a smaller scale the
network classifies them reliably, but without a fine outline. The logits of both are averaged
(multi-scale inference, as in Chen et al., "Attention to Scale", CVPR 2016). The second inference
costs a fifth of the first.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from bgblur.gpu.stream import beside

_FROM = 256  # rows of the network's input; smaller inputs are inferred once
_SMALLER = 0.45  # the small scale's height, as a fraction; Segmenter rounds it
_SHARE = 0.45  # weight of the small scale's logits
_GAIN = 1.1  # the mean of logits that differ has lower confidence than either
_LEAST = 1e-3  # alpha's distance from 0 and 1: a saturated logit must not outweigh the other


def infer_at_scales(
    infer: Callable[[int], Tensor], input_height: int, device: torch.device | str = "cpu"
) -> Tensor:
    """Alpha ``float32`` (h, w) by ``infer(height)``, a network on ``device`` that is given the same
    picture at each height. Output that is not two-dimensional is returned unchanged."""
    if input_height < _FROM:
        return infer(input_height)
    with beside(device) as wait:  # by itself it leaves most of a GPU idle
        far = infer(round(_SMALLER * input_height))
    close = infer(input_height)
    wait()
    return combined(close, far) if close.ndim == far.ndim == 2 else close


def combined(close: Tensor, far: Tensor) -> Tensor:
    """The alpha of both scales at the size of ``close``. A value outside 0..1 in either gives one
    outside 0..1, so that a later check still finds it."""
    wide = F.interpolate(far[None, None], close.shape, mode="bilinear")[0, 0]
    logits = torch.lerp(torch.logit(close, _LEAST), torch.logit(wide, _LEAST), _SHARE)
    return torch.sigmoid(_GAIN * logits) + _beyond(close) + _beyond(wide)


def _beyond(alpha: Tensor) -> Tensor:
    return alpha - alpha.clamp(0, 1)
