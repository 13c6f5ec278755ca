"""Memory for pictures that is used again: fresh pages cost more than most of the arithmetic."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_LARGEST = 3840 * 2160 * 4  # bytes: what is larger is a photo, which comes once
_KEPT = 8  # arrays: those on their way through the threads, and the work space of one


class Buffers:
    """Gives out arrays, and gives one again only when nobody else refers to it any more.

    A picture outlives the call that made it: it waits in a mailbox, is shown again, is encoded by
    another thread. Nobody has to say when it is done with, and none is written to before: views,
    tensors and OpenCV's headers each hold a reference to the array that they look into. Callable
    from any thread: a reference is taken before the references are counted, so that two threads
    that look at one array both find it in use.
    """

    def __init__(
        self, make: Callable[[tuple[int, ...], DTypeLike], NDArray[Any]] = np.empty
    ) -> None:
        self._make = make
        self._arrays: list[NDArray[Any]] = []

    def take(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """An array of ``shape`` with anything in it, the caller's for as long as it is held."""
        for array in list(self._arrays):
            if array.shape == shape and array.dtype == dtype and _references(array) <= _FREE:
                return array
        array = self._make(shape, dtype)
        if array.nbytes <= _LARGEST:
            self._arrays = [*self._arrays[1 - _KEPT :], array]
        return array


def _references(array: NDArray[Any]) -> int:
    return sys.getrefcount(array)


def _references_of_a_free_one() -> int:
    """As ``take`` would count them: that differs from one Python to the next."""
    arrays = [np.empty(1)]
    for array in list(arrays):
        return _references(array)
    raise AssertionError


_FREE = _references_of_a_free_one()
