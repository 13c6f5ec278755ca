from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from bgblur.gpu.constants import constant, holding

CPU = torch.device("cpu")


def ramp(size: int) -> NDArray[np.float32]:
    return np.arange(size, dtype=np.float32)


def test_a_constant_is_computed_once() -> None:
    assert constant(ramp, 5, device=CPU) is constant(ramp, 5, device=CPU)
    assert constant(ramp, 4, device=CPU).tolist() == [0, 1, 2, 3]


def test_a_constant_made_in_inference_mode_is_usable_outside() -> None:
    with torch.inference_mode():
        made = constant(ramp, 7, device=CPU)
    weight = torch.ones(7, requires_grad=True)
    (weight * made).sum().backward()
    assert weight.grad is not None
    assert weight.grad.tolist() == made.tolist()


def test_a_recording_keeps_its_constants() -> None:
    with holding() as held:
        first = constant(ramp, 11, device=CPU)
        with holding() as inner:
            second = constant(ramp, 12, device=CPU)
    third = constant(ramp, 13, device=CPU)
    assert [t is first for t in held] == [True]
    assert [t is second for t in inner] == [True]
    for size in range(100, 300):  # after many others it is computed again; the held one is intact
        constant(ramp, size, device=CPU)
    assert constant(ramp, 11, device=CPU) is not first
    assert held[0].tolist() == list(range(11))
    assert third.tolist() == list(range(13))
