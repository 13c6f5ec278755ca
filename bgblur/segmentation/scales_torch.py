"""scales.py on a torch device."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from bgblur.gpu.stream import beside
from bgblur.segmentation.scales import FROM, GAIN, LEAST, SHARE, SMALLER


def infer_at_scales(
    infer: Callable[[int], Tensor], input_height: int, device: torch.device | str = "cpu"
) -> Tensor:
    """Alpha ``float32`` (h, w) by ``infer(height)``, a network on ``device`` that is given the same
    picture at each height. Output that is not two-dimensional is returned unchanged."""
    if input_height < FROM:
        return infer(input_height)
    with beside(device) as wait:  # by itself it leaves most of a GPU idle
        far = infer(round(SMALLER * input_height))
    close = infer(input_height)
    wait()
    return combined(close, far) if close.ndim == far.ndim == 2 else close


def combined(close: Tensor, far: Tensor) -> Tensor:
    """The alpha of both scales at the size of ``close``. A value outside 0..1 in either gives one
    outside 0..1, so that a later check still finds it."""
    wide = F.interpolate(far[None, None], close.shape, mode="bilinear")[0, 0]
    logits = torch.lerp(torch.logit(close, LEAST), torch.logit(wide, LEAST), SHARE)
    return torch.sigmoid(GAIN * logits) + _beyond(close) + _beyond(wide)


def _beyond(alpha: Tensor) -> Tensor:
    return alpha - alpha.clamp(0, 1)
