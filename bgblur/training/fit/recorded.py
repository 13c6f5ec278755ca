"""Training steps as CUDA graphs (torch.cuda.CUDAGraph).

A large GPU does the thousands of small pieces of a small network's step sooner than Python asks for
them one by one; a graph asks once.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor

from bgblur.gpu.graph import recorded

_FIRST = 3  # steps of a shape that are taken as they are: what libraries set up once is there then
_log = logging.getLogger(__name__)

Step = Callable[..., Tensor]


class RecordedStep:
    """Calls ``step(*tensors, *settings)``, which gives a scalar, and changes weights in place.

    ``step`` must not ask the device for an answer, and takes no notice of gradients that it finds.
    It is recorded once for each shape of ``tensors`` and ``settings``; where recording fails it is
    called as it is.
    """

    def __init__(self, step: Step, device: torch.device) -> None:
        self._step = step
        self._stream = torch.cuda.Stream(device)  # the default one cannot be recorded
        # One for all: no two graphs run at a time, and none is asked for more than its scalar.
        self._pool = torch.cuda.graph_pool_handle()
        self._taken: Counter[Hashable] = Counter()
        self._graphs: dict[Hashable, _Graph] = {}
        self._failed = False

    def __call__(self, tensors: tuple[Tensor, ...], *settings: Hashable) -> float:
        """The scalar. The step is done when this returns."""
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
        except RuntimeError as error:  # a driver's, or torch's: the step itself has been taken
            self._failed = True
            why = str(error).strip().partition("\n")[0]
            _log.warning("steps cannot be recorded, training will be slower: %s", why)


class _Graph:
    def __init__(
        self, step: Step, tensors: tuple[Tensor, ...], settings: tuple[Hashable, ...], pool: Any
    ) -> None:
        self._inputs = [torch.empty_like(tensor) for tensor in tensors]
        self._graph, self._made = recorded(lambda: step(*self._inputs, *settings), pool)

    def __call__(self, tensors: tuple[Tensor, ...]) -> Tensor:
        for mine, given in zip(self._inputs, tensors, strict=True):
            mine.copy_(given)
        self._graph.replay()
        return self._made
