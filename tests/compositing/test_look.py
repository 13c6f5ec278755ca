"""Which look hides as much of the room as which."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bgblur.compositing.look import Look, Mode, sigma_of
from bgblur.config.settings import Settings
from bgblur.pipeline.build import look_of

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


def test_only_the_users_own_choice_is_raw() -> None:
    assert [look.raw for look in (NONE, OFF)] == [True, True]
    others = [WEAK, STRONG, COLOR, IMAGE, Look(mode="color", strength=0)]
    assert not any(look.raw for look in others)


@pytest.mark.parametrize("mode", ["image", "color", "none"])
def test_a_blur_in_place_of_a_picture_is_a_full_one(mode: Mode) -> None:
    assert Look(mode=mode, strength=1).shown_strength == 100
    assert Look(strength=1).shown_strength == 1


def test_only_a_picture_gives_light() -> None:
    looks = [Look(mode=mode, light_wrap=0.5) for mode in ("blur", "image", "color", "none")]
    assert [look.shown_light_wrap for look in looks] == [0, 0.5, 0, 0]


@pytest.mark.parametrize("height", [90, 360, 1080])
def test_sigma_runs_from_what_hides_to_the_strongest_in_even_steps(height: int) -> None:
    """Both ends as shares of the height: docs/picture.md says how they were chosen."""
    assert sigma_of(0, height) == 0
    assert sigma_of(1, height) == pytest.approx(0.018 * height)
    assert sigma_of(100, height) == pytest.approx(19 / 360 * height)
    steps = np.diff(np.log([sigma_of(strength, height) for strength in range(1, 101)]))
    assert steps == pytest.approx(steps[0])


def test_nothing_is_chosen_by_a_look_that_the_settings_do_not_choose() -> None:
    assert replace(look_of(Settings()), light_wrap=0.0) == Look()


def test_a_look_closes_its_clip() -> None:
    closed: list[bool] = []

    class Film:
        def close(self) -> None:
            closed.append(True)

    film: Any = Film()
    Look(mode="image", clip=film).close()
    Look().close()
    assert closed == [True]
