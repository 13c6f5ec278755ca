"""What is seen of the room where a person was, while alphas are held: no more than without."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from support.live_matting import SHARP, live
from support.scenes import levels_apart

from bgblur.compositing.compositor import CpuCompositor
from bgblur.compositing.look import Look
from bgblur.frame import Alpha, Image
from bgblur.segmentation.options import MaskOptions

WIDTH, HEIGHT = 1280, 720
Mask = NDArray[np.bool_]


class Moment(NamedTuple):
    image: Image
    person: Mask


class Knowing:
    """Finds the person exactly: it is told where they are in the present frame."""

    device, precision, input_height = "cpu", "fp32", 96

    def __init__(self) -> None:
        self.person: Mask = np.zeros((HEIGHT, WIDTH), bool)
        self.calls = 0

    def upload(self, image: Image) -> Any:
        return image

    def infer(self, pixels: Image) -> Alpha:
        self.calls += 1
        size = (96 * WIDTH // HEIGHT // 32 * 32, 96)
        return cv2.resize(self.person.astype(np.float32), size, interpolation=cv2.INTER_AREA)


@lru_cache(maxsize=8)
def office(text: str = "SECRET WHITEBOARD ", wall: int = 90, ink: int = 30) -> Image:
    image = np.full((HEIGHT, WIDTH, 3), wall, np.uint8)
    for y in range(40, HEIGHT + 40, 34):
        cv2.putText(image, text * 5, (0, y), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (wall + ink,) * 3, 2)
    return image


def sitting(x: int = 640, head: bool = True) -> Mask:
    person = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.rectangle(person, (x - 300, 330), (x + 300, HEIGHT), 1, -1)
    if head:
        cv2.ellipse(person, (x, 220), (95, 125), 0, 0, 360, 1, -1)
    return person.astype(bool)


def seen(room: Image, person: Mask, grey: int = 230, noise: float = 0.0, seed: int = 0) -> Moment:
    image = np.where(person[..., None], np.uint8(grey), room)
    if noise:
        image = (image + grain(noise, seed % 5)).clip(0, 255).astype(np.uint8)
    return Moment(image, person)


@lru_cache(maxsize=5)
def grain(noise: float, seed: int) -> NDArray[np.int16]:
    drawn = np.random.default_rng(seed).normal(0, noise, (HEIGHT, WIDTH, 3))
    return drawn.round().astype(np.int16)


def rest_and(*after: Mask, room: Image | None = None, noise: float = 0.0) -> list[Moment]:
    """Four frames at rest, then those ``after`` in ``room``, of which the last is at rest too."""
    masks = [sitting()] * 4 + [*after] + [after[-1]] * 3
    rooms = [office()] * 4 + [office() if room is None else room] * (len(after) + 3)
    pairs = enumerate(zip(rooms, masks, strict=True))
    return [seen(room, mask, noise=noise, seed=i) for i, (room, mask) in pairs]


def pictures(moments: list[Moment], skip: bool, mask: MaskOptions) -> tuple[list[Image], int]:
    """What is published at strength 100, and how many alphas were held."""
    engine = Knowing()
    matting, compositor = live(engine, skip=skip), CpuCompositor()
    shown = []
    for moment in moments:
        engine.person = moment.person
        pixels, alpha = matting(moment.image, mask)
        shown.append(compositor.compose(pixels, alpha, Look(strength=100)).copy())
    assert engine.calls + matting.effort.held == len(moments)
    return shown, matting.effort.held


def room_seen(moments: list[Moment], shown: list[Image]) -> Iterator[int]:
    """For each frame but the first: pixels of the room where the person was one frame before, or
    at the start, published as the camera saw them."""
    for (before, now), picture in zip(pairwise(moments), shown[1:], strict=True):
        gone = (before.person | moments[0].person) & ~now.person
        yield int((levels_apart(picture[gone], now.image[gone]).max(axis=1) <= 1).sum())


NOBODY = np.zeros((HEIGHT, WIDTH), bool)
SCENES = {
    "ducks": [sitting(head=False)],
    "leaves": [NOBODY],
    "is elsewhere at once": [sitting(1000)],
    **{
        f"moves by {step}": [sitting(640 + step), sitting(640 + 2 * step), sitting(640 + 3 * step)]
        for step in (20, 40, 80, 120)
    },
    "moves and rests": [sitting(660), sitting(660), sitting(740), sitting(740), sitting(700)],
}


@pytest.mark.parametrize(("mask", "noise"), [(SHARP, 0.0), (MaskOptions(), 4.0)])
@pytest.mark.parametrize("scene", SCENES)
def test_no_more_of_the_room_is_seen_than_without_holding(
    scene: str, noise: float, mask: MaskOptions
) -> None:
    moments = rest_and(*SCENES[scene], noise=noise)
    without = list(room_seen(moments, pictures(moments, False, mask)[0]))
    shown, held = pictures(moments, True, mask)
    assert held >= 5  # the rests before and after
    for number, (more, less) in enumerate(zip(room_seen(moments, shown), without, strict=True)):
        assert more <= less, f"frame {number + 1}"


@pytest.mark.parametrize("person", [sitting(), sitting(900, head=False), NOBODY])
def test_a_cut_to_another_picture_shows_no_more_than_without_holding(person: Mask) -> None:
    moments = rest_and(person, room=office("PASSWORD LIST ", 120, -50))
    without = list(room_seen(moments, pictures(moments, False, SHARP)[0]))
    shown, held = pictures(moments, True, SHARP)
    assert held >= 5
    assert list(room_seen(moments, shown)) == without


def test_a_person_hardly_brighter_than_a_noisy_room_is_seen_to_duck() -> None:
    """In the dark: grain of 25 grey levels, and a head only 8 levels above the wall."""
    room = office(wall=70, ink=4)
    masks = [sitting()] * 3 + [sitting(head=False)] * 3
    moments = [seen(room, mask, 78, noise=25.0, seed=i) for i, mask in enumerate(masks)]
    without = list(room_seen(moments, pictures(moments, False, SHARP)[0]))
    assert list(room_seen(moments, pictures(moments, True, SHARP)[0])) == without


@pytest.mark.parametrize("light", [0.93, 0.8, 1.1])
def test_a_change_of_the_whole_pictures_light_is_not_held(light: float) -> None:
    """Somebody close before the lens goes: a wall of another brightness is all there is then."""
    everywhere, wall = ~NOBODY, office(wall=round(180 * light), ink=3)
    moments = [seen(wall, everywhere, 180)] * 3 + [seen(wall, NOBODY)] * 3
    shown = pictures(moments, True, SHARP)[0]
    assert set(room_seen(moments, shown)) <= set(
        room_seen(moments, pictures(moments, False, SHARP)[0])
    )
    assert levels_apart(shown[3], wall).max() > 1


def test_what_no_comparison_sees_is_shown_for_ten_frames_at_most() -> None:
    """A room as grey as the person, but for detail that the small pictures average out."""
    columns = np.where(np.arange(WIDTH) % 2, 210, 250).astype(np.uint8)
    room = np.repeat(np.tile(columns, (HEIGHT, 1))[..., None], 3, axis=2)
    moments = [seen(room, sitting())] + [seen(room, NOBODY)] * 24
    held = [count > 5000 for count in room_seen(moments, pictures(moments, True, SHARP)[0])]
    assert held[0]  # otherwise nothing was tested
    assert sum(held) == 10
