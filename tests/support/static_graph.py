"""A stand-in for a recorded CUDA graph that uses memory as one does, without a GPU."""

from __future__ import annotations

from collections.abc import Hashable

import pytest
from torch import Tensor

from bgblur.gpu import graph
from bgblur.gpu.graph import GpuWork, Outputs, Replay


class StaticRecorded:
    """Reads and writes the same memory at every call, as a graph does; computes each time."""

    made = 0

    def __init__(
        self, work: GpuWork, tensors: tuple[Tensor | None, ...], settings: tuple[Hashable, ...]
    ) -> None:
        StaticRecorded.made += 1
        self._work, self._settings = work, settings
        self._inputs = [None if tensor is None else tensor.clone() for tensor in tensors]
        self._outputs = [out.clone() for out in work(*self._inputs, *settings)]

    def __call__(self, tensors: tuple[Tensor | None, ...]) -> Outputs:
        for mine, given in zip(self._inputs, tensors, strict=True):
            if mine is not None and given is not None:
                mine.copy_(given)
        before = [None if mine is None else mine.clone() for mine in self._inputs]
        for mine, new in zip(
            self._outputs, self._work(*self._inputs, *self._settings), strict=True
        ):
            mine.copy_(new)
        for mine, old in zip(self._inputs, before, strict=True):
            assert mine is None or old is None or bool((mine == old).all()), "an input was changed"
        return tuple(output.clone() for output in self._outputs)


def record_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every new ``Replay`` record, on the processor."""
    monkeypatch.setattr(graph, "_Recorded", StaticRecorded)
    made = Replay.__init__

    def recording(self: Replay, work: GpuWork, device: str) -> None:
        made(self, work, device)
        self._records = True

    monkeypatch.setattr(Replay, "__init__", recording)
    StaticRecorded.made = 0
