"""Which look hides as much of the room as which."""

from __future__ import annotations

import pytest

from bgblur.compositing.look import Look

NONE, OFF, WEAK, STRONG = Look(mode="none"), Look(strength=0), Look(strength=1), Look(strength=100)
COLOR, IMAGE = Look(mode="color"), Look(mode="image")


@pytest.mark.parametrize("made", [NONE, OFF, WEAK, STRONG, COLOR, IMAGE])
@pytest.mark.parametrize("wanted", [NONE, OFF])
def test_anything_may_stand_for_a_raw_look(made: Look, wanted: Look) -> None:
    assert made.hides_as_much_as(wanted)


@pytest.mark.parametrize("made", [NONE, OFF])
@pytest.mark.parametrize("wanted", [WEAK, STRONG, COLOR, IMAGE])
def test_a_raw_picture_hides_nothing(made: Look, wanted: Look) -> None:
    assert not made.hides_as_much_as(wanted)


def test_a_blur_stands_for_a_weaker_one_alone() -> None:
    assert STRONG.hides_as_much_as(WEAK)
    assert WEAK.hides_as_much_as(WEAK)
    assert not WEAK.hides_as_much_as(STRONG)
    assert not STRONG.hides_as_much_as(COLOR)


def test_a_colour_or_picture_shows_nothing_of_the_room() -> None:
    assert COLOR.hides_as_much_as(STRONG)
    assert COLOR.hides_as_much_as(IMAGE)
    assert IMAGE.hides_as_much_as(COLOR)
