"""Small tensors that follow from sizes alone: made once, uploaded once.

A recorded graph reads them by their address, so whoever records holds on to those it was given.
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

_KEPT = 64  # pictures of every size come by: the oldest go
_holding: ContextVar[list[Tensor] | None] = ContextVar("holding", default=None)


def constant(make: Callable[..., NDArray[Any]], *key: Any, device: torch.device) -> Tensor:
    """``make(*key)`` on ``device``; the same tensor for the same arguments, while it is kept.

    Not to be written to.
    """
    tensor = _made(make, key, device)
    held = _holding.get()
    if held is not None:
        held.append(tensor)
    return tensor


@lru_cache(maxsize=_KEPT)
def _made(make: Callable[..., NDArray[Any]], key: tuple[Any, ...], device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # made within one, it could not be used without
        return torch.from_numpy(make(*key)).to(device)


@contextmanager
def holding() -> Iterator[list[Tensor]]:
    """The list of all that ``constant`` gives out within."""
    held: list[Tensor] = []
    token = _holding.set(held)
    try:
        yield held
    finally:
        _holding.reset(token)
