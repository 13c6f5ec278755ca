"""Small tensors that depend on sizes only: computed and uploaded once.

A CUDA graph reads them by address, so the code that captures a graph keeps references to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

_KEPT = 64  # constants; the least recently used are dropped, since pictures of any size may come
_holding: ContextVar[list[Tensor] | None] = ContextVar("holding", default=None)


def constant(make: Callable[..., NDArray[Any]], *key: Any, device: torch.device) -> Tensor:
    """``make(*key)`` on ``device``: the same tensor for the same arguments while it is cached.

    Do not write to it.
    """
    tensor = _made(make, key, device)
    held = _holding.get()
    if held is not None:
        held.append(tensor)
    return tensor


@lru_cache(maxsize=_KEPT)
def _made(make: Callable[..., NDArray[Any]], key: tuple[Any, ...], device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # inference tensors are of use in that mode only
        return torch.from_numpy(make(*key)).to(device)


@contextmanager
def holding() -> Iterator[list[Tensor]]:
    """Collects all tensors that ``constant`` returns within the context."""
    held: list[Tensor] = []
    token = _holding.set(held)
    try:
        yield held
    finally:
        _holding.reset(token)
