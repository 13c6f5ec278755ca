"""Where people are: known answers, the same of every form of an alpha, and at little cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.yardstick import least_time, yardstick

from bgblur.compositing.people import Person, people_in
from bgblur.frame import Alpha
from bgblur.imaging.tiled import TiledAlpha

W, H = 640, 360


def empty(width: int = W, height: int = H) -> Alpha:
    return np.zeros((height, width), np.float32)


def seat(alpha: Alpha, x: int, top: int, size: int = 120) -> None:
    """Somebody at ``x`` whose head begins at ``top``; shoulders of ``size`` pixels."""
    half = size // 4
    alpha[top : top + half * 2, x - half : x + half] = 1
    alpha[top + half * 2 :, x - size // 2 : x + size // 2] = 1


def tensor(alpha: Alpha) -> Any:
    return pytest.importorskip("torch").from_numpy(alpha)


FORMS = [lambda alpha: alpha, lambda alpha: TiledAlpha.of(alpha).pruned(), tensor]


@pytest.mark.parametrize("form", FORMS, ids=["plane", "tiled", "tensor"])
@pytest.mark.parametrize(("width", "height"), [(W, H), (638, 358), (320, 240)])
def test_somebody_is_where_they_are(form: Callable[[Alpha], Any], width: int, height: int) -> None:
    alpha = empty(width, height)
    seat(alpha, 203, 101)
    (person,) = people_in(form(alpha))
    assert (person.left + person.right) / 2 * height == pytest.approx(203, abs=2)
    assert person.top * height == pytest.approx(101, abs=3)
    assert (person.right - person.left) * height == pytest.approx(115, abs=8)


def test_a_move_of_a_pixel_is_seen() -> None:
    places = []
    for x in range(200, 209):
        alpha = empty()
        seat(alpha, x, 100)
        (person,) = people_in(TiledAlpha.of(alpha))
        places.append((person.left + person.right) / 2 * H)
    assert np.abs(np.diff(places) - 1).max() < 0.05


def test_a_raised_hand_is_not_the_head() -> None:
    alpha = empty()
    seat(alpha, 200, 100)
    (before,) = people_in(alpha)
    alpha[10:300, 285:305] = 1
    alpha[260:300, 240:300] = 1
    (after,) = people_in(alpha)
    assert after.top == pytest.approx(before.top, abs=0.03)
    assert after.right - before.right < 0.12, "not as far as the hand"


@pytest.mark.parametrize("form", FORMS, ids=["plane", "tiled", "tensor"])
def test_several_people_and_what_is_too_small_for_one(form: Callable[[Alpha], Any]) -> None:
    alpha = empty()
    seat(alpha, 150, 100)
    seat(alpha, 450, 160, 80)
    alpha[20:40, 600:620] = 1
    left, right = sorted(people_in(form(alpha)))
    assert (left.left + left.right) / 2 * H == pytest.approx(150, abs=2)
    assert (right.left + right.right) / 2 * H == pytest.approx(450, abs=2)


@pytest.mark.parametrize("level", [0.0, 0.4])
def test_nobody(level: float) -> None:
    assert not people_in(np.full((H, W), level, np.float32))
    alpha = empty()
    alpha[20:30, 600:610] = 1
    assert not people_in(alpha), "a speck"


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (7, 9)])
def test_any_alpha_has_an_answer(size: tuple[int, int]) -> None:
    for person in people_in(np.ones(size, np.float32)):
        assert all(np.isfinite(person))
    assert all(isinstance(person, Person) for person in people_in(np.ones(size, np.float32)))


def test_it_takes_a_fraction_of_a_millisecond() -> None:
    alpha = empty(1280, 720)
    seat(alpha, 600, 200, 400)
    tiled = TiledAlpha.of(alpha).pruned()
    assert least_time(lambda: people_in(tiled)) < 4 * yardstick(), "it was 1.4 times as much"
