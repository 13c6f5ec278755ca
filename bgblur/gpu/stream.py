"""The stream that all work of a device goes through, in the order in which it was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


def on_stream(device: torch.device | str) -> AbstractContextManager[object]:
    """Within, what is asked of ``device`` goes to one stream that is not the default one, whichever
    thread asks: work cannot be recorded on the default stream. Elsewhere than on CUDA: nothing.
    """
    device = torch.device(device)
    if device.type != "cuda":
        return nullcontext()
    # "cuda" is the present one: one device has one stream, by whichever name it is called.
    return torch.cuda.stream(
        _stream(torch.cuda.current_device() if device.index is None else device.index)
    )


@contextmanager
def beside(device: torch.device | str) -> Iterator[Callable[[], None]]:
    """Within, what is asked of a CUDA device goes to a second stream, and runs beside what is asked
    afterwards; calling what this gives makes the present stream wait for it. Recorded with the rest
    where that is recorded. Elsewhere one thing is done after the other.
    """
    device = torch.device(device)
    if device.type != "cuda":
        yield lambda: None
        return
    present = torch.cuda.current_stream(device)
    second = _second(present.device_index)
    second.wait_stream(present)
    with torch.cuda.stream(second):
        yield lambda: present.wait_stream(second)


def fetched(data: Any) -> NDArray[Any]:
    """``data`` on the host. A tensor is complete, though it was made within ``on_stream``: a copy
    by way of another stream would not wait for that."""
    if isinstance(data, np.ndarray):
        return data
    with on_stream(data.device):
        array: NDArray[Any] = data.cpu().numpy()
    return array


def marked(device: torch.device | str) -> Callable[[], None]:
    """What waits until all that was asked of ``device`` up to now is done, and no longer."""
    device = torch.device(device)
    if device.type == "cuda":
        event = torch.cuda.Event()
        event.record()
        return event.synchronize
    return torch.mps.synchronize if device.type == "mps" else lambda: None


@cache
def _stream(device: int) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)


@cache
def _second(device: int) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)
