"""The CUDA stream that all work of a device is queued on, in the order in which it is issued.

Imports torch only for a device or a tensor of torch's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


def on_stream(device: torch.device | str) -> AbstractContextManager[object]:
    """Within the context, work for a CUDA device goes to the device's one stream, from any thread.
    It is not the default stream, because work cannot be captured there. Does nothing for others.
    """
    if not _is_cuda(device):
        return nullcontext()
    import torch

    index = torch.device(device).index  # None is the present device, so that a device has one name
    return torch.cuda.stream(_stream(torch.cuda.current_device() if index is None else index))


@contextmanager
def beside(device: torch.device | str) -> Iterator[Callable[[], None]]:
    """Within the context, work for a CUDA device goes to a second stream and runs concurrently with
    work that is issued afterwards. The context's value makes the present stream wait for it. Both
    can be captured in a graph. For other devices the work runs at once.
    """
    if not _is_cuda(device):
        yield lambda: None
        return
    import torch

    present = torch.cuda.current_stream(torch.device(device))
    second = _second(present.device_index)
    second.wait_stream(present)
    with torch.cuda.stream(second):
        yield lambda: present.wait_stream(second)


def fetched(data: Any) -> NDArray[Any]:
    """``data``, an array or a tensor, as an array. A tensor is copied on the stream that computed
    it: a copy on another stream would not wait until it is complete."""
    if isinstance(data, np.ndarray):
        return data
    with on_stream(data.device):
        array: NDArray[Any] = data.cpu().numpy()
    return array


def marked(device: torch.device | str) -> Callable[[], None]:
    """A function that waits until all work issued to ``device`` so far is done, and no longer."""
    if _is_cuda(device):
        import torch

        event = torch.cuda.Event()
        event.record()
        return event.synchronize
    if str(device).startswith("mps"):
        import torch

        return torch.mps.synchronize
    return lambda: None


def _is_cuda(device: torch.device | str) -> bool:
    return str(device).startswith("cuda")


@cache
def _stream(device: int) -> torch.cuda.Stream:
    import torch

    return torch.cuda.Stream(device)


@cache
def _second(device: int) -> torch.cuda.Stream:
    import torch

    return torch.cuda.Stream(device)
