from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from bgblur.frame import Frame, is_image


def test_a_frame_knows_when_it_was_captured() -> None:
    before = time.monotonic()
    frame = Frame(np.zeros((2, 2, 3), np.uint8), 0)
    assert before <= frame.captured <= time.monotonic()


@pytest.mark.parametrize(
    "value",
    [
        None,
        "picture",
        np.zeros((2, 3), np.uint8),
        np.zeros((2, 3, 4), np.uint8),
        np.zeros((0, 3, 3), np.uint8),
        np.zeros((2, 3, 3), np.float32),
    ],
)
def test_these_are_not_pictures(value: Any) -> None:
    assert not is_image(value)


def test_a_picture_is_recognised() -> None:
    assert is_image(np.zeros((2, 3, 3), np.uint8))
