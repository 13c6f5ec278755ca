"""Work that is the same for every frame, recorded once and replayed as one.

Asking a GPU for a frame's hundreds of small steps one by one takes longer than doing them; a CUDA
graph (torch.cuda.CUDAGraph) asks once.
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

_RECORDED_AT = 10  # uses: a size or a look that is passing by is not worth recording
_KEPT = 4  # recordings: each has memory of its own
_REHEARSALS = 2  # on the stream that records: what libraries keep for each stream is there then
_TRIES = 3  # at recording: a call of another thread's, as one that waits for the device, spoils one
_LATER = 6  # times as many uses until the next
_log = logging.getLogger(__name__)
_recording = threading.Lock()  # one at a time, on a stream that is not the one that replays
_spoilt: list[Any] = []  # recordings: torch goes on asking them whether an allocation is theirs

Outputs = tuple[Tensor, ...]
Work = Callable[..., Outputs]
Made = TypeVar("Made")


class Replay:
    """Calls ``work``, on CUDA as a recorded graph once it has been called often enough.

    ``work(*tensors, *settings)`` must be a function of its arguments alone: it changes none of
    them, asks the device for no answer, and gives tensors that are all new. A tensor may be None.
    Elsewhere, and where recording fails time and again, it is called as it is.
    """

    def __init__(self, work: Work, device: torch.device | str) -> None:
        self._work = work
        self._device = torch.device(device)
        self._records = self._device.type == "cuda"
        self._failed = 0  # recordings since the last that did not
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
        if self._failed == _TRIES:
            return None
        if len(self._uses) > 64:  # a slider on its way: what was counted of it is of no use
            self._uses.clear()
        self._uses[key] = self._uses.get(key, 0) + 1
        if self._uses[key] < _RECORDED_AT * _LATER**self._failed:
            return None
        if not _recording.acquire(blocking=False):
            return None  # what hangs in another thread holds up that thread alone
        try:
            recorded = _Recorded(self._work, tensors, settings)
        except RuntimeError as error:  # a driver's: the work itself has just been done ten times
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
        while error is not None:  # the last only says that there was one before
            reasons.append(str(error).strip().partition("\n")[0])
            error = error.__cause__ or error.__context__
        self._failed += 1
        self._uses.clear()
        why = "; after: ".join(reasons)
        if self._failed < _TRIES:
            _log.info("this GPU's work was not recorded, as yet: %s", why)
        else:
            _log.warning("this GPU's work cannot be recorded, it will be slower: %s", why)


class _Recorded:
    """One graph: with the shapes and settings that it was recorded for."""

    def __init__(
        self, work: Work, tensors: tuple[Tensor | None, ...], settings: tuple[Hashable, ...]
    ) -> None:
        self._inputs = [None if tensor is None else tensor.clone() for tensor in tensors]
        with holding() as self._constants:
            self._graph, self._outputs = _record(lambda: work(*self._inputs, *settings))

    def __call__(self, tensors: tuple[Tensor | None, ...]) -> Outputs:
        for mine, given in zip(self._inputs, tensors, strict=True):
            if mine is not None and given is not None:
                mine.copy_(given)
        self._graph.replay()
        # The next replay writes where this one did, and what is given out may be read later.
        return tuple(output.clone() for output in self._outputs)


def _record(work: Callable[[], Outputs]) -> tuple[Any, Outputs]:
    """(the graph of ``work`` on the present device, where it puts what ``work`` gives)."""
    stream = _recorder(torch.cuda.current_device())
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):  # torch.cuda.graph does not leave it where it fails
        for _ in range(_REHEARSALS):
            work()
        return recorded(work, torch.cuda.graph_pool_handle())


def recorded(work: Callable[[], Made], pool: Any) -> tuple[Any, Made]:
    """(the graph of ``work`` on the present stream, which is not the default one; where it puts
    what ``work`` gives). Its memory is of ``pool``. Raises RuntimeError; ``pool`` is lost then.
    """
    device = torch.cuda.current_device()
    graph: Any = torch.cuda.CUDAGraph()
    try:
        # What libraries set up when it is first needed may be set up meanwhile.
        with torch.cuda.graph(
            graph, pool, torch.cuda.current_stream(), capture_error_mode="relaxed"
        ):
            return graph, work()
    except BaseException:
        _spoilt.append(graph)
        with suppress(Exception):  # where torch has come as far as that by itself
            torch._C._cuda_endAllocateToPool(device, pool)
        with suppress(Exception):
            torch._C._cuda_releasePool(device, pool)
        raise


@cache
def _recorder(device: int) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)
