"""What people, cameras and light really do is plausible, and so is what proves nothing."""

from __future__ import annotations

import cv2
import numpy as np
from support.plausibility import HEIGHT, NO_ALPHA, WIDTH, Watch, person, room, seen, sitting

from bgblur.segmentation.plausible import BECAME, BECAME_LEAST


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


def test_sizes_may_change() -> None:
    watch = Watch()
    image = sitting(watch)
    assert not any(watch.run(cv2.resize(image, (240, 320)).astype(np.uint8), NO_ALPHA, 1.0))
    for height in (96, 160, 352):  # another rung of the network's input
        alpha = cv2.resize(person(0.3), (height * 16 // 9, height))
        assert watch(image, alpha) == ""
        assert watch.guard._known is not None
        assert watch.guard._known.any()
