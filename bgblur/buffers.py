"""Reuses memory for pictures: new pages cost more time than most of the arithmetic."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_LARGEST = 3840 * 2160 * 4  # bytes: a larger picture is a photo, which comes once
_KEPT = 8  # arrays: the pictures on their way through the threads, and one work space


class Buffers:
    """Hands out arrays, and reuses an array once nothing else refers to it.

    A picture outlives the call that made it: it waits in a mailbox, is shown again, is encoded by
    another thread. Nobody has to return it. It is never overwritten too early, because views,
    tensors and OpenCV's headers each hold a reference to their array. Callable from any thread: a
    reference is taken before the references are counted, so two threads that find the same array
    both see it in use.
    """

    def __init__(
        self, make: Callable[[tuple[int, ...], DTypeLike], NDArray[Any]] = np.empty
    ) -> None:
        self._make = make
        self._arrays: list[NDArray[Any]] = []

    def take(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """An array of ``shape``, not cleared. It belongs to the caller until released."""
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
    """The count that ``take`` sees for an unused array; it differs between Pythons."""
    arrays = [np.empty(1)]
    for array in list(arrays):
        return _references(array)
    raise AssertionError


_FREE = _references_of_a_free_one()
