"""Alphas that cannot be true of a webcam's picture."""

from __future__ import annotations

from itertools import count
from typing import Any

import cv2
import numpy as np
import pytest
from support.plausibility import HEIGHT, NO_ALPHA, RATE, WIDTH, person, room, seen
from support.scenes import portrait
from support.yardstick import least_time, yardstick

from bgblur.frame import Alpha, Image
from bgblur.segmentation.motion import small_picture
from bgblur.segmentation.plausible import (
    ALL_AROUND,
    AROUND,
    BECAME,
    BECAME_LEAST,
    CALM,
    MOST_CALM,
    NOTHING_MOVED,
    Plausibility,
    _border,
    cells_of,
)


class Watch:
    """A guard, and a clock that runs at the camera's rate."""

    def __init__(self) -> None:
        self.guard, self.now = Plausibility(), 100.0

    def __call__(self, image: Image, alpha: Alpha) -> str:
        self.now += 1 / RATE
        small = small_picture(image)
        return self.guard(cells_of(alpha, small)(), small, self.now)

    def run(self, image: Image, alpha: Alpha, seconds: float) -> list[str]:
        return [self(image, alpha) for _ in range(round(RATE * seconds))]


def sitting(watch: Watch, seconds: float = 2.0) -> Image:
    """Somebody sits in the room for some time; the picture."""
    image = seen(person(0.3), room())
    assert not any(watch.run(image, person(0.3), seconds))
    return image


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


def test_a_small_part_of_the_room_is_no_sign() -> None:
    """A large chair that is taken for the person for a while: less than BECAME of the room."""
    watch = Watch()
    image = sitting(watch)
    chair = person(0.3)
    chair[46:, 115:165] = 1
    share = (chair.mean() - person(0.3).mean()) / (1 - person(0.3).mean())
    assert 2 * BECAME_LEAST < share < 0.75 * BECAME
    assert not any(watch.run(image, chair, 3.0))


def test_a_person_of_doubtful_alpha_is_never_room() -> None:
    watch, doubtful = Watch(), 0.5 * person(0.1, 0.1, 0.8)
    assert not any(watch.run(seen(person(0.1, 0.1, 0.8), room()), doubtful, 3.0))


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


def test_little_room_with_structure_is_not_enough() -> None:
    """Below BECAME_LEAST of the picture, a few cells prove nothing."""
    watch, plain = Watch(), np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    part = np.zeros((HEIGHT, WIDTH, 1), bool)
    part[: HEIGHT // 5, : WIDTH * 4 // 18] = True
    assert part.mean() < BECAME_LEAST
    somebody = seen(person(0.3), plain)
    image = np.where(part, room(), somebody)
    assert not any(watch.run(image, person(0.3), 2.0))
    jumped = person(0.0, top=0.0, wide=0.65)
    assert watch(image, jumped) == ""


def test_somebody_who_comes_close_in_motion_is_plausible() -> None:
    watch = Watch()
    sitting(watch)
    for i in range(30):
        grown = person(0.3 - 0.008 * i, top=0.3 - 0.01 * i, wide=0.35 + 0.016 * i)
        assert watch(seen(grown, room(), seed=2 + i), grown) == ""


def test_leaving_and_coming_back_is_plausible() -> None:
    watch = Watch()
    for x in [0.3, 0.3, 0.45, 0.6, 0.75, 0.9, 1.0, 1.0, 0.9, 0.75, 0.6, 0.45, 0.3, 0.3]:
        shown = person(x)
        assert not any(watch.run(seen(shown, room()), shown, 0.4))
    nobody = watch.run(room(), NO_ALPHA, 5.0)
    back = watch.run(seen(person(0.2, 0.1, 0.6), room()), person(0.2, 0.1, 0.6), 2.0)
    assert not any(nobody + back)


def test_a_person_lost_for_a_moment_may_come_back_without_motion() -> None:
    """For less than KNOWN: what was a person a second ago is not remembered as room."""
    watch = Watch()
    big = person(0.1, 0.1, 0.8)
    image = seen(big, room())
    watch.run(image, big, 2.0)
    for _ in range(3):
        watch.run(image, NO_ALPHA, 0.7)
        assert watch(image, big) == ""


def test_light_that_is_switched_on_is_plausible() -> None:
    watch = Watch()
    dark = (sitting(watch) * 0.1).astype(np.uint8)
    assert not any(watch.run(dark, NO_ALPHA, 3.0))  # nobody is found in the dark
    light = seen(person(0.3), room())
    assert not any(watch.run(light, person(0.3), 2.0))


def test_a_camera_cut_is_plausible() -> None:
    watch = Watch()
    sitting(watch)
    other = person(0.05, top=0.1, wide=0.8)
    assert not any(watch.run(seen(other, room(7), seed=8), other, 2.0))


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


def test_sizes_may_change() -> None:
    watch = Watch()
    image = sitting(watch)
    assert not any(watch.run(cv2.resize(image, (240, 320)).astype(np.uint8), NO_ALPHA, 1.0))
    for height in (96, 160, 352):  # another rung of the network's input
        alpha = cv2.resize(person(0.3), (height * 16 // 9, height))
        assert watch(image, alpha) == ""
        assert watch.guard._known is not None
        assert watch.guard._known.any()


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
