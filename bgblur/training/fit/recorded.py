"""Training steps as CUDA graphs (torch.cuda.CUDAGraph).

A step of a small network launches thousands of short kernels. A large GPU finishes each before
Python launches the next; a graph launches all of them at once.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor

from bgblur.gpu.graph import recorded

_FIRST = 3  # steps of a shape run unrecorded, so that libraries finish their one-time set-up
_log = logging.getLogger(__name__)

TrainingStep = Callable[..., Tensor]


class RecordedStep:
    """Calls ``step(*tensors, *settings)``, which returns a scalar and changes weights in place.

    ``step`` must not wait for the device, and must ignore gradients that are there before it. It is
    recorded once for each shape of ``tensors`` and each ``settings``. Where recording fails, steps
    run unrecorded.
    """

    def __init__(self, step: TrainingStep, device: torch.device) -> None:
        self._step = step
        self._stream = torch.cuda.Stream(device)  # the default one cannot be recorded
        # One pool for all graphs: they never run at the same time, and only the scalar is read.
        self._pool = torch.cuda.graph_pool_handle()
        self._taken: Counter[Hashable] = Counter()
        self._graphs: dict[Hashable, _Graph] = {}
        self._failed = False

    def __call__(self, tensors: tuple[Tensor, ...], *settings: Hashable) -> float:
        """Returns the scalar, after the step is done."""
        key = tuple((tuple(tensor.shape), tensor.dtype) for tensor in tensors), settings
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            if self._taken[key] == _FIRST and not self._failed:
                self._record(key, tensors, settings)
            self._taken[key] += 1
            graph = self._graphs.get(key)
            made = graph(tensors) if graph is not None else self._step(*tensors, *settings)
            return float(made)

    def _record(
        self, key: Hashable, tensors: tuple[Tensor, ...], settings: tuple[Hashable, ...]
    ) -> None:
        try:
            self._graphs[key] = _Graph(self._step, tensors, settings, self._pool)
        except RuntimeError as error:  # from a driver or from torch; the step itself is done
            self._failed = True
            why = str(error).strip().partition("\n")[0]
            _log.warning("steps cannot be recorded, training will be slower: %s", why)


class _Graph:
    def __init__(
        self,
        step: TrainingStep,
        tensors: tuple[Tensor, ...],
        settings: tuple[Hashable, ...],
        pool: Any,
    ) -> None:
        self._inputs = [torch.empty_like(tensor) for tensor in tensors]
        self._graph, self._made = recorded(lambda: step(*self._inputs, *settings), pool)

    def __call__(self, tensors: tuple[Tensor, ...]) -> Tensor:
        for mine, given in zip(self._inputs, tensors, strict=True):
            mine.copy_(given)
        self._graph.replay()
        return self._made
