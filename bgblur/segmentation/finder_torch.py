"""finder.py on CUDA, without waiting for the device.

Validating an alpha on the host would take a wait in the middle of every frame. So the device itself
replaces an invalid alpha by zeros, which blurs the whole frame, and the host reports it one frame
later.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bgblur.frame import Image
from bgblur.gpu.graph import Outputs, Replay
from bgblur.gpu.stream import marked
from bgblur.segmentation.engine import SLACK, Engine
from bgblur.segmentation.finder import check_plane, check_shape
from bgblur.segmentation.hysteresis_torch import keep_certain
from bgblur.segmentation.smoothing import past_of
from bgblur.segmentation.smoothing_torch import small_picture, steadied
from bgblur.segmentation.two_looks import dim_gain, found
from bgblur.stats import Stats


class TorchFinder:
    """As Finder. With ``late``, an invalid alpha is reported with the next frame. ``small`` is not
    used: computing it on the device is faster than an upload."""

    def __init__(self, engine: Engine, stats: Stats, late: bool) -> None:
        self._engine = engine
        self._stats = stats
        self._device = torch.device(engine.device)
        self._replay = Replay(self._found, self._device)
        self._late = late
        self._age: Tensor | None = None
        self._before: Tensor | None = None
        self._seen: Tensor | None = None
        self._verdict: _Verdict | None = None

    def __call__(
        self, image: Image, pixels: Any, smoothing: float, passed: int, small: Image | None = None
    ) -> Any:
        with self._stats.stage("inference"):
            # Filled on the device: an upload would wait.
            since = torch.full((), passed, dtype=torch.int64, device=self._device)
            past = (self._age, self._before, self._seen) if smoothing > 0 else (None, None, None)
            gain = dim_gain(image)
            bright = torch.full((), gain, device=self._device) if gain != 1 else None
            alpha, age, before, seen, valid = self._replay(
                (pixels, *past, since, bright), self._engine.input_height, smoothing
            )
            check_shape(alpha, image)
            self._age, self._before, self._seen = age, before, seen
            last, self._verdict = self._verdict, _Verdict(valid)
            asked = last if self._late else self._verdict
            if asked is not None and not asked.valid():
                raise RuntimeError("the model gave values that are not an alpha of 0 to 1")
            return alpha

    def reset(self) -> None:
        self._age = self._before = self._seen = self._verdict = None

    def _found(
        self,
        pixels: Tensor,
        age: Tensor | None,
        before: Tensor | None,
        seen: Tensor | None,
        passed: Tensor,
        gain: Tensor | None,  # of a dim picture
        _input_height: int,  # known to the engine; here it selects the CUDA graph
        smoothing: float,
    ) -> Outputs:
        """(alpha, the cells' ages, the means of alpha and of the small picture for smoothing the
        next frame, whether the network's output was a valid alpha)."""
        raw = found(self._engine, pixels, 1.0 if gain is None else gain)
        check_plane(raw)
        valid = ((raw >= -SLACK) & (raw <= 1 + SLACK)).all()  # false for a NaN
        alpha = torch.where(valid, raw, 0)
        if age is None or before is None or seen is None or before.shape != alpha.shape:
            alpha, new_age = keep_certain(alpha, None, passed)
            return alpha, new_age, alpha.clone(), small_picture(pixels), valid
        alpha, new_age = keep_certain(alpha, age, passed)
        past = past_of(smoothing, passed)
        alpha, picture = steadied(alpha, pixels, before, seen, past)
        alpha = torch.where(valid, alpha, 0)
        return (
            alpha,
            torch.where(valid, new_age, age),
            torch.where(valid, alpha, before),
            torch.where(valid, picture, seen),
            valid,
        )


class _Verdict:
    """A truth value that is being downloaded."""

    def __init__(self, value: Tensor) -> None:
        # A copy to memory that is not pinned would wait.
        self._answer = torch.empty((), dtype=torch.bool, pin_memory=value.is_cuda)
        self._answer.copy_(value, non_blocking=True)
        self._wait = marked(value.device)

    def valid(self) -> bool:
        self._wait()
        return bool(self._answer)
