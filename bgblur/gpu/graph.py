"""Work that is the same for every frame, recorded once and replayed as one.

Asking a GPU for a frame's hundreds of small steps one by one takes longer than doing them; a CUDA
graph (torch.cuda.CUDAGraph) asks once.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor

from bgblur.gpu.constants import holding
from bgblur.gpu.stream import on_stream

_RECORDED_AT = 10  # uses: a size or a look that is passing by is not worth recording
_KEPT = 4  # recordings: each has memory of its own
_log = logging.getLogger(__name__)
_recording = threading.Lock()  # torch records on one stream, which is not the one that replays

Outputs = tuple[Tensor, ...]
Work = Callable[..., Outputs]


class Replay:
    """Calls ``work``, on CUDA as a recorded graph once it has been called often enough.

    ``work(*tensors, *settings)`` must be a function of its arguments alone: it changes none of
    them, asks the device for no answer, and gives tensors that are all new. A tensor may be None.
    Elsewhere, and where recording fails, it is called as it is.
    """

    def __init__(self, work: Work, device: torch.device | str) -> None:
        self._work = work
        self._device = torch.device(device)
        self._records = self._device.type == "cuda"
        self._uses: dict[Hashable, int] = {}
        self._recorded: OrderedDict[Hashable, _Recorded] = OrderedDict()

    @torch.inference_mode()
    def __call__(self, tensors: tuple[Tensor | None, ...], *settings: Hashable) -> Outputs:
        """``settings`` are what ``work`` takes beside tensors; other ones are recorded anew."""
        if not self._records:
            return self._work(*tensors, *settings)
        with on_stream(self._device):
            recorded = self._recorded_for(tensors, settings)
            if recorded is None:
                return self._work(*tensors, *settings)
            return recorded(tensors)

    def _recorded_for(
        self, tensors: tuple[Tensor | None, ...], settings: tuple[Hashable, ...]
    ) -> _Recorded | None:
        shapes = tuple(None if t is None else (tuple(t.shape), t.dtype) for t in tensors)
        key = shapes, settings
        recorded = self._recorded.get(key)
        if recorded is not None:
            self._recorded.move_to_end(key)
            return recorded
        if len(self._uses) > 64:  # a slider on its way: what was counted of it is of no use
            self._uses.clear()
        self._uses[key] = self._uses.get(key, 0) + 1
        if self._uses[key] < _RECORDED_AT:
            return None
        try:
            recorded = _Recorded(self._work, tensors, settings)
        except RuntimeError as error:  # a driver's: the work itself has just been done ten times
            _log.warning("this GPU's work cannot be recorded, it will be slower: %s", error)
            self._records = False
            return None
        self._recorded[key] = recorded
        if len(self._recorded) > _KEPT:
            self._recorded.popitem(last=False)
        return recorded


class _Recorded:
    """One graph: with the shapes and settings that it was recorded for."""

    def __init__(
        self, work: Work, tensors: tuple[Tensor | None, ...], settings: tuple[Hashable, ...]
    ) -> None:
        self._inputs = [None if tensor is None else tensor.clone() for tensor in tensors]
        self._graph: Any = torch.cuda.CUDAGraph()
        with (
            _recording,
            holding() as self._constants,
            # Other threads may go on asking the device for what they need.
            torch.cuda.graph(self._graph, capture_error_mode="thread_local"),
        ):
            self._outputs = work(*self._inputs, *settings)

    def __call__(self, tensors: tuple[Tensor | None, ...]) -> Outputs:
        for mine, given in zip(self._inputs, tensors, strict=True):
            if mine is not None and given is not None:
                mine.copy_(given)
        self._graph.replay()
        # The next replay writes where this one did, and what is given out may be read later.
        return tuple(output.clone() for output in self._outputs)
