"""Inference at two scales, where the network's input is large.

At full scale a blanket may pass for a sleeve and a jacket for a wall. At a smaller scale the
network classifies them reliably, but without a fine outline. The logits of both are averaged
(multi-scale inference, as in Chen et al., "Attention to Scale", CVPR 2016). The second inference
costs a fifth of the first.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from bgblur.frame import Alpha

FROM = 256  # rows of the network's input; smaller inputs are inferred once
SMALLER = 0.45  # the small scale's height, as a fraction; the engine rounds it
SHARE = 0.45  # weight of the small scale's logits
GAIN = 1.1  # the mean of logits that differ has lower confidence than either
LEAST = 1e-3  # alpha's distance from 0 and 1: a saturated logit must not outweigh the other


def infer_at_scales(infer: Callable[[int], Alpha], input_height: int) -> Alpha:
    """Alpha ``float32`` (h, w) by ``infer(height)``, a network that is given the same picture at
    each height. Output that is not two-dimensional is returned unchanged."""
    *smaller, full = heights_of(input_height)
    if not smaller:
        return infer(full)
    far, close = infer(smaller[0]), infer(full)
    return combined(close, far) if close.ndim == far.ndim == 2 else close


def heights_of(input_height: int) -> tuple[int, ...]:
    """The heights at which a picture is inferred, in that order."""
    if input_height < FROM:
        return (input_height,)
    return round(SMALLER * input_height), input_height


def combined(close: Alpha, far: Alpha) -> Alpha:
    """The alpha of both scales at the size of ``close``. A value outside 0..1 in either gives one
    outside 0..1, so that a later check still finds it."""
    wide = cv2.resize(far, close.shape[::-1], interpolation=cv2.INTER_LINEAR)
    logits = (1 - SHARE) * _logit(close) + SHARE * _logit(wide)
    return 1 / (1 + cv2.exp(-GAIN * logits)) + _beyond(close) + _beyond(wide)


def _logit(alpha: Alpha) -> Alpha:
    inside = np.clip(alpha, LEAST, 1 - LEAST)
    return cv2.log(inside / (1 - inside))


def _beyond(alpha: Alpha) -> Alpha:
    return alpha - np.clip(alpha, 0, 1)
