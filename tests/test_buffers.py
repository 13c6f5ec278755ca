from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest
import torch

from bgblur.buffers import Buffers

SHAPE = (9, 16, 3)


def test_an_array_that_nobody_holds_is_reused() -> None:
    buffers = Buffers()
    first = buffers.take(SHAPE, np.uint8)
    place = first.ctypes.data
    del first
    assert buffers.take(SHAPE, np.uint8).ctypes.data == place


def test_another_shape_or_type_is_another_array() -> None:
    buffers = Buffers()
    buffers.take(SHAPE, np.uint8)
    for shape, dtype in ((SHAPE, np.float32), ((9, 16), np.uint8)):
        array = buffers.take(shape, dtype)
        assert array.shape == shape
        assert array.dtype == np.dtype(dtype)


@pytest.mark.parametrize(
    "hold",
    [
        lambda a: a,
        lambda a: a[:, ::-1],
        lambda a: a.reshape(-1, 3)[2:5],
        lambda a: torch.from_numpy(a)[0],
        memoryview,
        lambda a: cv2.flip(np.zeros_like(a), 1, dst=a),
    ],
    ids=["itself", "mirrored", "part", "tensor", "memory", "opencv"],
)
def test_an_array_that_somebody_holds_is_not_reused(hold: object) -> None:
    buffers = Buffers()
    array = buffers.take(SHAPE, np.uint8)
    place = array.ctypes.data
    held = hold(array)  # type: ignore[operator]
    del array
    assert buffers.take(SHAPE, np.uint8).ctypes.data != place
    del held
    assert buffers.take(SHAPE, np.uint8).ctypes.data == place


def test_arrays_held_at_the_same_time_are_distinct() -> None:
    buffers = Buffers()
    held = [buffers.take(SHAPE, np.uint8) for _ in range(30)]
    assert len({array.ctypes.data for array in held}) == 30


def test_threads_never_share_an_array() -> None:
    buffers, shared = Buffers(), []

    def work(mine: int) -> None:
        for _ in range(3000):
            array = buffers.take((64,), np.int64)
            array[:] = mine
            if not (array == mine).all():
                shared.append(mine)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not shared
