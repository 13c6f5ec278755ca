from __future__ import annotations

import numpy as np
import pytest

from bgblur.compositing.card import card
from bgblur.pipeline.state import State
from bgblur.pipeline.words import CARDS, ENDED_CARD


@pytest.mark.parametrize("text", [CARDS[State.STARTING], CARDS[State.NO_CAMERA], ENDED_CARD])
@pytest.mark.parametrize("size", [(320, 180), (640, 480), (1280, 720), (480, 640), (1920, 1080)])
def test_text_is_legible_and_not_cropped(size: tuple[int, int], text: str) -> None:
    width, height = size
    picture = card(width, height, text)
    assert picture.shape == (height, width, 3)
    ink = picture.max(axis=2) > 128
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    assert np.ptp(rows) >= 8  # pixels a letter needs
    assert np.ptp(columns) > 0.3 * width
    left, right = columns[0], width - 1 - columns[-1]
    assert min(left, right) > 0.05 * width
    assert abs(left - right) <= 0.1 * width
    assert picture[ink].mean() - picture[~ink].mean() > 100


def test_smallest_frame_has_a_card_too() -> None:
    assert card(16, 16, ENDED_CARD).shape == (16, 16, 3)


def test_a_shared_card_is_read_only() -> None:
    picture = card(64, 48, "once")
    assert picture is card(64, 48, "once")
    with pytest.raises(ValueError, match="read-only"):
        picture[0, 0] = 0
