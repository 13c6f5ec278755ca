"""The virtual camera: known answers for people who are made up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from bgblur.compositing.follow import GONE_AFTER, MOST_ZOOM, Follower, View
from bgblur.compositing.people import Person

WIDE = 16 / 9
RATE = 30.0


def seated(x: float = 0.9, top: float = 0.25, size: float = 0.5) -> Person:
    return Person(x - size / 2, x + size / 2, top)


Scene = Callable[[float], Sequence[Person]]


def run(
    scene: Scene, seconds: float, rate: float = RATE, shape: float = WIDE
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The views, a row each: x, y, height."""
    follower = Follower(WIDE, shape)
    return np.array(
        [follower.view(scene(i / rate), i / rate) for i in range(round(seconds * rate))]
    )


def test_somebody_is_framed() -> None:
    x, y, height = run(lambda _: [seated(0.6, 0.3, 0.4)], 4)[-1]
    assert x == pytest.approx(0.6, abs=0.02)
    assert 1 / MOST_ZOOM <= height < 0.5 * 1.01
    headroom = (0.3 - (y - height / 2)) / height
    assert headroom == pytest.approx(0.12, abs=0.02)
    assert height * WIDE * 0.4 < 0.4 < height * WIDE * 0.6, "half of the width is theirs"


def test_in_a_close_up_the_whole_is_shown() -> None:
    views = run(lambda _: [seated(0.88, 0.05, 1.2)], 3)
    assert np.array_equal(views[-1], Follower(WIDE, WIDE).whole)


@pytest.mark.parametrize("sway", [0.0, 0.01, 0.02])
def test_people_at_rest_move_nothing(sway: float) -> None:
    """They nod, breathe, and their outline trembles."""
    rng = np.random.default_rng(4)
    steps = rng.normal(0, 0.003, (400, 3))

    def scene(at: float) -> list[Person]:
        x, top, size = steps[round(at * RATE)]
        nod = sway * np.sin(2 * np.pi * 0.7 * at)
        return [seated(0.8 + x + nod, 0.25 + top + nod, 0.5 + size)]

    views = run(scene, 12)
    assert np.abs(np.diff(views[round(3 * RATE) :], axis=0)).max() * RATE < 0.002


@pytest.mark.parametrize("far", [-0.35, 0.2, 0.4])
def test_a_sudden_move_is_followed_within_a_second_and_without_overshoot(far: float) -> None:
    views = run(lambda at: [seated(0.8 + (far if at >= 4 else 0), size=0.35)], 8)
    x = views[:, 0]
    end = x[-1]
    assert end == pytest.approx(0.8 + far, abs=0.02)
    assert np.abs(x[round(5 * RATE) :] - end).max() < 0.02 + abs(far) * 0.05
    beyond = (x - end) * np.sign(far)
    assert beyond.max() < 0.002


@pytest.mark.parametrize("speed", [0.1, 0.3, 0.6])
def test_a_drift_is_followed_and_ends_where_it_ends(speed: float) -> None:
    lasts = 0.3 / speed
    views = run(lambda at: [seated(0.6 + speed * min(max(at - 4, 0), lasts), size=0.35)], 10)
    x, arrives = views[:, 0], 4 + lasts
    assert np.abs(x[round((arrives + 1) * RATE) :] - 0.9).max() < 0.03
    assert x.max() < 0.9 + 0.002
    assert np.diff(x[round(3.5 * RATE) :]).min() > -1e-6, "never back"


def test_several_people_are_all_in_view() -> None:
    people = [seated(0.6, 0.3, 0.3), seated(1.1, 0.45, 0.3)]
    x, y, height = run(lambda _: people, 5)[-1]
    assert x - height * WIDE / 2 <= 0.45
    assert x + height * WIDE / 2 >= 1.25
    assert y - height / 2 < 0.3
    assert y + height / 2 > 0.45 + 0.25
    assert height < 1


def test_one_who_leaves_the_others_is_no_jump() -> None:
    views = run(lambda at: [seated(0.5, 0.3, 0.3), seated(1.2, 0.3, 0.3)][: 2 if at < 4 else 1], 9)
    speed = np.abs(np.diff(views, axis=0)).max() * RATE
    assert speed < 2.5, "a pan, and no cut"
    assert views[-1][0] == pytest.approx(0.5, abs=0.03)


def test_nobody_for_three_seconds_eases_back_to_the_whole() -> None:
    views = run(lambda at: [seated(0.5, size=0.35)] if at < 4 else [], 4 + GONE_AFTER + 5)
    left, back = round(4 * RATE), round((4 + GONE_AFTER) * RATE)
    assert np.ptp(views[left : back - 2], axis=0).max() < 1e-6
    assert np.array_equal(views[-1], Follower(WIDE, WIDE).whole)
    assert np.abs(np.diff(views[back:], axis=0)).max() * RATE < 0.6, "slowly"


def test_a_mask_that_fails_for_some_frames_moves_nothing() -> None:
    def scene(at: float) -> list[Person]:
        wrong = 5 <= at < 5.1
        return [seated(1.4, 0.0, 0.9)] if wrong else [] if 6 <= at < 8 else [seated()]

    views = run(scene, 10)
    assert np.ptp(views[round(4 * RATE) :], axis=0).max() < 1e-6


def test_the_rate_changes_nothing() -> None:
    def scene(at: float) -> list[Person]:
        return [seated(0.5 if at < 3 else 1.0)]

    ends = [run(scene, 3.8, rate)[-1] for rate in (10, 25, 60)]
    assert np.ptp(ends, axis=0).max() < 0.08, "of what a tenth of a second is at this speed"
    settled = [run(scene, 7, rate)[-1] for rate in (10, 60)]
    assert np.ptp(settled, axis=0).max() < 0.01


def test_a_pause_of_the_clock_is_no_jump() -> None:
    follower = Follower(WIDE, WIDE)
    for i in range(90):
        follower.view([seated(0.5, size=0.35)], i / RATE)
    before = follower.view([seated(0.5, size=0.35)], 3.0)
    after = follower.view([seated(1.2, size=0.35)], 60.0)
    assert np.abs(np.subtract(before, after)).max() < 1e-9
    assert follower.view([seated(1.2, size=0.35)], 10.0), "nor does a clock that goes back"


@pytest.mark.parametrize("shape", [WIDE, 9 / 16, 1.0, 3.0])
def test_it_never_looks_outside_the_picture(shape: float) -> None:
    rng = np.random.default_rng(7)
    follower = Follower(WIDE, shape)
    people: list[Person] = []
    for i in range(2000):
        if i % 20 == 0:
            people = [
                seated(*rng.uniform((-0.3, -0.2, 0.01), (2.1, 1.1, 1.5)))
                for _ in range(rng.integers(0, 4))
            ]
        view = follower.view(people, i / 25)
        assert isinstance(view, View)
        half = view.height * shape / 2
        assert view.x - half >= -1e-9
        assert view.x + half <= WIDE + 1e-9
        assert view.y - view.height / 2 >= -1e-9
        assert view.y + view.height / 2 <= 1 + 1e-9
        most = follower.whole.height
        assert most / MOST_ZOOM - 1e-9 <= view.height <= most + 1e-9
