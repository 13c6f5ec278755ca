"""Alphas that cannot be true of a webcam's picture are found at once, and while they last."""

from __future__ import annotations

from itertools import count
from typing import Any

import cv2
import numpy as np
import pytest
from support.plausibility import HEIGHT, NO_ALPHA, RATE, WIDTH, Watch, person, room, seen, sitting
from support.scenes import portrait
from support.yardstick import least_time, yardstick

from bgblur.frame import Alpha, Image
from bgblur.segmentation.motion import small_picture
from bgblur.segmentation.plausible import (
    ALL_AROUND,
    AROUND,
    CALM,
    MOST_CALM,
    NOTHING_MOVED,
    Plausibility,
    _border,
    cells_of,
)


@pytest.mark.parametrize("constant", [0.3, 0.7, 1.0])
def test_a_constant_is_implausible_from_the_first_frame(constant: float) -> None:
    assert Watch()(room(), np.full_like(NO_ALPHA, constant)) == ALL_AROUND


@pytest.mark.parametrize("constant", [0.0, 0.2])
def test_a_constant_that_hides_all_is_no_fault(constant: float) -> None:
    watch = Watch()
    assert not any(watch.run(room(), np.full_like(NO_ALPHA, constant), 2.0))


@pytest.mark.parametrize("constant", [0.3, 0.7, 1.0])
def test_a_constant_after_a_person_is_implausible_at_once(constant: float) -> None:
    watch = Watch()
    image = sitting(watch)
    assert watch(image, np.full_like(NO_ALPHA, constant)) == ALL_AROUND
    # For as long as it lasts, and no longer than CALM after it.
    assert all(watch.run(image, np.full_like(NO_ALPHA, constant), 10.0))
    after = watch.run(image, person(0.3), CALM + 0.2)
    assert all(after[: round(RATE * CALM) - 2])
    assert not any(after[-3:])


def test_an_inverted_mask_is_implausible() -> None:
    assert Watch()(seen(person(0.3), room()), 1 - person(0.3, top=0.2, wide=0.3)) == ALL_AROUND


@pytest.mark.parametrize(("cells", "wrong"), [(49, ""), (55, "all")])
def test_so_much_of_the_border_is_implausible(cells: int, wrong: str) -> None:
    """Of the 52 to 56 cells of a border, a person who reaches both upper corners leaves some."""
    rows, columns = 10, 18
    alpha = np.ones((rows, columns), np.float32)
    free = max(0, round((2 * (rows + columns) - 4) * (1 - AROUND)) + (2 if not wrong else -1))
    alpha[0, 4 : 4 + free] = 0
    assert bool(Watch()(room(), alpha)) == bool(wrong), cells


@pytest.mark.parametrize("share", [0.45, 0.8])
def test_a_jump_of_area_without_motion_is_implausible(share: float) -> None:
    watch = Watch()
    image = sitting(watch)
    jumped = person(0.3)
    jumped[: round(share * len(jumped))] = 1
    jumped[:, :3] = jumped[:, -10:] = 0  # not all around
    assert watch(image, jumped) == NOTHING_MOVED
    assert all(watch.run(image, jumped, 10.0))  # nothing has moved yet
    assert not watch.run(image, person(0.3), CALM + 0.2)[-1]


def test_another_view_is_judged_by_its_own_past() -> None:
    """Its cells show another part of the room. A sign in force stays until it has been calm."""
    watch = Watch()
    image = sitting(watch)
    jumped = person(0.3)
    jumped[: round(0.45 * len(jumped))] = 1
    jumped[:, :3] = jumped[:, -10:] = 0
    watch.guard.forget_room()
    assert not watch(image, jumped)
    watch = Watch()
    image = sitting(watch)
    assert watch(image, jumped) == NOTHING_MOVED
    watch.guard.forget_room()
    after = watch.run(image, person(0.3), CALM + 0.2)
    assert all(after[: round(RATE * CALM) - 2])
    assert not after[-1]


def test_a_jump_in_other_light_is_found_too() -> None:
    watch = Watch()
    image = sitting(watch)
    jumped = person(0.3, top=0.0, wide=0.65)
    assert watch((0.5 * image + 30).astype(np.uint8), jumped) == NOTHING_MOVED


def test_a_jump_is_found_in_a_room_of_little_contrast() -> None:
    """Its cells deviate by five grey levels, and in less light by three."""
    watch = Watch()
    sharp = seen(person(0.3), room())
    image = (128 + 0.2 * (sharp - 128.0)).astype(np.uint8)
    dimmer = (128 + 0.12 * (sharp - 128.0)).astype(np.uint8)
    assert not any(watch.run(image, person(0.3), 2.0))
    assert watch(dimmer, person(0.3, top=0.0, wide=0.65)) == NOTHING_MOVED


@pytest.mark.parametrize("noise", [0.0, 6.0])
def test_a_jump_is_found_in_noise(noise: float) -> None:
    watch, rng = Watch(), np.random.default_rng(3)

    def grainy() -> Image:
        image = seen(person(0.3), room()) + rng.normal(0, noise, (HEIGHT, WIDTH, 3))
        return np.clip(image, 0, 255).astype(np.uint8)

    assert not any(watch(grainy(), person(0.3)) for _ in range(60))
    assert watch(grainy(), person(0.3, top=0.0, wide=0.65)) == NOTHING_MOVED


def test_a_jump_in_grain_is_found_after_a_minute_and_for_as_long_as_it_lasts() -> None:
    """What is remembered of the room neither drifts nor takes up what covers it."""
    watch, rng = Watch(), np.random.default_rng(5)
    image = seen(person(0.3), room())
    grains = [rng.normal(0, 6, image.shape) for _ in range(5)]
    pictures = [small_picture(np.clip(image + g, 0, 255).astype(np.uint8)) for g in grains]

    def shown(alpha: Alpha, seconds: float) -> set[str]:
        cells = cells_of(alpha, pictures[0])()
        found = set()
        for i in range(round(RATE * seconds)):
            watch.now += 1 / RATE
            found.add(watch.guard(cells, pictures[i % 5], watch.now))
        return found

    assert shown(person(0.3), 60.0) == {""}
    assert shown(person(0.3, top=0.0, wide=0.65), 2 * CALM) == {NOTHING_MOVED}


@pytest.mark.parametrize(("free", "wrong"), [(0.2, True), (0.4, False)])
def test_a_mask_that_shrinks_a_little_is_not_trusted(free: float, wrong: bool) -> None:
    """What is between NOT_AROUND and AROUND of the border stays as it was."""
    rows, columns = 10, 18
    alpha = np.ones((rows, columns), np.float32)
    count = round(free * (2 * (rows + columns) - 4))
    alpha[0, : min(count, columns)] = 0
    alpha[-1, : max(0, count - columns)] = 0
    fresh, watch = Watch(), Watch()
    assert not any(fresh.run(room(), alpha, 0.5))
    assert watch(room(), np.ones_like(alpha)) == ALL_AROUND
    assert bool(watch.run(room(), alpha, CALM + 0.2)[-1]) == wrong


@pytest.mark.parametrize("level", [0, 128])
@pytest.mark.parametrize("noise", [0.0, 4.0])
def test_a_covered_lens_changes_nothing(level: int, noise: float) -> None:
    """It shows nothing, so neither state may change for it, whatever the alpha is."""
    watch, rng = Watch(), np.random.default_rng(4)
    everything = np.ones_like(NO_ALPHA)

    def covered() -> Image:
        flat = level + rng.normal(0, noise, (HEIGHT, WIDTH, 3))
        return np.clip(flat, 0, 255).astype(np.uint8)

    image = sitting(watch)
    for alpha in (everything, NO_ALPHA):
        assert not any(watch(covered(), alpha) for _ in range(10))
    assert watch(image, everything) == ALL_AROUND
    for alpha in (everything, NO_ALPHA):
        assert all(watch(covered(), alpha) for _ in range(10))


def test_a_mask_that_comes_and_goes_is_trusted_later_and_later() -> None:
    watch = Watch()
    image = sitting(watch)
    shown = []
    for _ in range(5):
        watch(image, np.ones_like(NO_ALPHA))
        shown.append(sum(map(bool, watch.run(image, person(0.3), MOST_CALM + 1))) / RATE)
    assert shown == pytest.approx([1, 2, 4, 8, 8], abs=0.1)
    watch.now += 60
    watch(image, np.ones_like(NO_ALPHA))
    assert not watch.run(image, person(0.3), CALM + 0.2)[-1]


def test_a_tensor_gives_the_same_cells() -> None:
    torch = pytest.importorskip("torch")
    alpha = cv2.GaussianBlur(person(0.3), (0, 0), 3)
    small = small_picture(room())
    np.testing.assert_allclose(
        cells_of(torch.from_numpy(alpha), small)(), cells_of(alpha, small)(), atol=0.1
    )


def test_it_takes_a_fifth_of_a_millisecond() -> None:
    guard, small, alpha = Plausibility(), small_picture(portrait(1280, 720)), person(0.3)
    frames = count()

    def judge() -> None:
        guard(cells_of(alpha, small)(), small, next(frames) / RATE)

    assert least_time(judge, 300) < 4 * yardstick(), "it was 1.4 times as much"


@pytest.mark.parametrize("side", [np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]])
def test_each_side_of_the_picture_counts(side: Any) -> None:
    cells = np.zeros((10, 18), np.float32)
    cells[side] = 1
    assert np.count_nonzero(_border(cells)) == np.count_nonzero(cells)


def test_what_lies_within_the_border_does_not_count() -> None:
    cells = np.zeros((10, 18), np.float32)
    cells[1:-1, 1:-1] = 1
    assert not _border(cells).any()
