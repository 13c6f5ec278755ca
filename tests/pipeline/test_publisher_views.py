"""What goes with the picture that is shown: its views, the cards drawn ahead, the end."""

from __future__ import annotations

import numpy as np
import pytest
from support.hand_clock import Clock
from support.orders import BLUR, RAW
from support.pipeline_parts import HEIGHT, PERSON, WIDTH, place
from support.showing import Showing, is_card

from bgblur.compositing.card import card
from bgblur.compositing.compositor import CpuCompositor
from bgblur.compositing.look import Look
from bgblur.frame import Image
from bgblur.pipeline.mailbox import Segmented
from bgblur.pipeline.outputs import Outputs
from bgblur.pipeline.words import ALL_CARDS, ENDED_CARD


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("bgblur.pipeline.publisher.time", clock)
    return clock


@pytest.mark.parametrize("mirror", [False, True])
def test_the_views_are_turned_as_the_output_is(mirror: bool, clock: Clock) -> None:
    showing = Showing(Look(mirror=mirror))
    item = showing.item(3, clock.now)
    showing.show(item)
    before, matte = showing.publisher.before(), showing.publisher.matte()
    assert before is not None
    assert matte is not None
    if mirror:
        before, matte = before[:, ::-1], matte[:, ::-1]
    assert np.array_equal(before, item.frame.image)
    x, y = place(3)
    assert (matte[y : y + PERSON, x : x + PERSON] == 255).all()
    assert (matte == 255).sum() == 3 * PERSON**2
    assert (matte == 0).sum() == matte.size - 3 * PERSON**2


def test_there_is_no_matte_of_a_raw_frame(clock: Clock) -> None:
    showing = Showing(RAW)
    frame = showing.frame(1, clock.now)
    showing.show(Segmented(frame, frame.image, None, showing.compositor))
    assert showing.publisher.before() is not None
    assert showing.publisher.matte() is None


def test_the_cards_are_drawn_ahead_once_a_size(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    showing = Showing(BLUR)
    drawn: list[tuple[int, int, str]] = []

    def note(width: int, height: int, text: str) -> Image:
        drawn.append((width, height, text))
        return card(width, height, text)

    monkeypatch.setattr("bgblur.pipeline.publisher.card", note)
    for number in (1, 2):
        showing.show(showing.item(number, clock.now))
    assert drawn == [(WIDTH, HEIGHT, text) for text in ALL_CARDS]
    showing.outputs.resize(WIDTH // 2, HEIGHT, 30.0)
    drawn.clear()
    for number in (3, 4):  # the first has the output opened again
        showing.show(showing.item(number, clock.now))
    assert drawn == [(WIDTH // 2, HEIGHT, text) for text in ALL_CARDS]


def test_the_compositor_is_told_whether_the_output_takes_i420(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    class Asked(CpuCompositor):
        def compose(self, *args: object, **_: object) -> Image:
            asked.append(bool(args[4]))
            return super().compose(*args[:4])  # type: ignore[arg-type]

    for wants in (False, True):
        monkeypatch.setattr(Outputs, "wants_i420", wants)
        showing = Showing(BLUR)
        item = showing.item(1, clock.now)
        showing.show(Segmented(item.frame, item.pixels, item.alpha, Asked()))
    assert asked == [False, True]


def test_the_end_is_a_card(clock: Clock) -> None:
    showing = Showing(RAW)
    showing.show(showing.item(1, clock.now))
    showing.publisher.end()
    assert is_card([showing.sink.published[-1][1]], ENDED_CARD)
    assert showing.sink.closed == 1
