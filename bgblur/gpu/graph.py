"""CUDA graphs: work that is the same for every frame is captured once and replayed as one launch.

Launching a frame's hundreds of small kernels one by one takes longer than running them; a CUDA
graph (torch.cuda.CUDAGraph) is launched once.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor

from bgblur.gpu.constants import holding
from bgblur.gpu.stream import on_stream

_RECORDED_AT = 10  # uses, after which work is captured: sizes and looks may be short-lived
_KEPT = 4  # graphs; each has its own memory
_REHEARSALS = 2  # runs on the capturing stream, in which libraries allocate what they keep for it
_TRIES = 3  # captures; a call of another thread that waits for the device makes one fail
_LATER = 6  # factor on the uses before the next try
_log = logging.getLogger(__name__)
_recording = threading.Lock()  # one capture at a time, on a stream of its own
_failed_graphs: list[Any] = []  # torch still asks them whether an allocation is theirs

Outputs = tuple[Tensor, ...]
GpuWork = Callable[..., Outputs]
Made = TypeVar("Made")


class Replay:
    """Calls ``work``; on CUDA, replays it as a graph once it has been called often enough.

    ``work(*tensors, *settings)`` must be a pure function of its arguments: it changes none of them,
    does not wait for the device, and returns new tensors. A tensor may be None. On other devices,
    and where capturing fails repeatedly, it is called directly.
    """

    def __init__(self, work: GpuWork, device: torch.device | str) -> None:
        self._work = work
        self._device = torch.device(device)
        self._records = self._device.type == "cuda"
        self._failed = 0  # captures that failed since the last success
        self._uses: dict[Hashable, int] = {}
        self._recorded: OrderedDict[Hashable, _Recorded] = OrderedDict()

    @torch.inference_mode()
    def __call__(self, tensors: tuple[Tensor | None, ...], *settings: Hashable) -> Outputs:
        """``settings`` are the other arguments of ``work``; each combination has its own graph."""
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
        if self._failed == _TRIES:
            return None
        if len(self._uses) > 64:  # a slider in motion: its positions do not come back
            self._uses.clear()
        self._uses[key] = self._uses.get(key, 0) + 1
        if self._uses[key] < _RECORDED_AT * _LATER**self._failed:
            return None
        if not _recording.acquire(blocking=False):
            return None  # a hang in another thread must not block this one
        try:
            recorded = _Recorded(self._work, tensors, settings)
        except RuntimeError as error:  # of the driver: ``work`` itself has just run ten times
            self._note_failure(error)
            return None
        finally:
            _recording.release()
        self._failed = 0
        self._recorded[key] = recorded
        if len(self._recorded) > _KEPT:
            self._recorded.popitem(last=False)
        return recorded

    def _note_failure(self, error: BaseException | None) -> None:
        reasons = []
        while error is not None:  # the last one only refers to its cause
            reasons.append(str(error).strip().partition("\n")[0])
            error = error.__cause__ or error.__context__
        self._failed += 1
        self._uses.clear()
        why = "; after: ".join(reasons)
        if self._failed < _TRIES:
            _log.info("the GPU work was not recorded yet: %s", why)
        else:
            _log.warning("the GPU work cannot be recorded, so it will be slower: %s", why)


class _Recorded:
    """One graph, for fixed shapes and settings."""

    def __init__(
        self, work: GpuWork, tensors: tuple[Tensor | None, ...], settings: tuple[Hashable, ...]
    ) -> None:
        self._inputs = [None if tensor is None else tensor.clone() for tensor in tensors]
        with holding() as self._constants:
            self._graph, self._outputs = _record(lambda: work(*self._inputs, *settings))

    def __call__(self, tensors: tuple[Tensor | None, ...]) -> Outputs:
        for mine, given in zip(self._inputs, tensors, strict=True):
            if mine is not None and given is not None:
                mine.copy_(given)
        self._graph.replay()
        # The next replay overwrites the outputs, and the caller may read them later.
        return tuple(output.clone() for output in self._outputs)


def _record(work: Callable[[], Outputs]) -> tuple[Any, Outputs]:
    """(the graph of ``work`` on the present device, its output tensors)."""
    stream = _recorder(torch.cuda.current_device())
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):  # torch.cuda.graph stays on it after a failure
        for _ in range(_REHEARSALS):
            work()
        return recorded(work, torch.cuda.graph_pool_handle())


def recorded(work: Callable[[], Made], pool: Any) -> tuple[Any, Made]:
    """(the graph of ``work`` on the present stream, which must not be the default one; its output
    tensors). Its memory comes from ``pool``. Raises RuntimeError; ``pool`` is unusable then.
    """
    device = torch.cuda.current_device()
    graph: Any = torch.cuda.CUDAGraph()
    try:
        # "relaxed" allows libraries to initialise lazily during the capture.
        with torch.cuda.graph(
            graph, pool, torch.cuda.current_stream(), capture_error_mode="relaxed"
        ):
            return graph, work()
    except BaseException:
        _failed_graphs.append(graph)
        with suppress(Exception):  # torch may have done this itself
            torch._C._cuda_endAllocateToPool(device, pool)
        with suppress(Exception):
            torch._C._cuda_releasePool(device, pool)
        raise


@cache
def _recorder(device: int) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)
