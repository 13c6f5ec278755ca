"""Measures how much of a person on a poster, a photograph or a screen is taken for a person.

Scenes are made of held-out pictures: a room, a photo of somebody on its wall, and in front of it
somebody who is a person.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.frame import Image
from bgblur.training.augment.examples import put_person
from bgblur.training.augment.posters import Poster, hang
from bgblur.training.augment.rooms import place_of
from bgblur.training.data.sets import Collection, read_photo
from bgblur.training.evaluate.predictors import Predictor

SCENES = 60
_SIZE = (640, 360)  # columns, rows
_SEED = 5
_SEEN = 0.3  # of a poster at least; less says nothing

Mask = NDArray[np.bool_]


def scenes(held_out: Collection, count: int) -> Iterator[tuple[Image, Mask]]:
    """Each scene, BGR, and where the poster's picture is seen in it; the same at every call."""
    rooms, photos = held_out.rooms, held_out.all_photos
    number = made = 0
    while rooms and photos and made < count and number < 4 * count:
        rng = np.random.default_rng((_SEED, number))
        room = cv2.resize(read_photo(rooms[number % len(rooms)])[0], _SIZE)
        photo, alpha, _ = read_photo(photos[int(rng.integers(len(photos)))])
        poster = Poster.draw(rng)
        scene = hang(np.asarray(room, np.uint8), poster, photo, place_of(alpha)).astype(np.float32)
        cover = put_person(scene, held_out, rng)
        inner = poster.boxes(*scene.shape[:2])[1]
        seen = np.zeros(cover.shape, bool)
        seen[inner.within(*cover.shape)] = True
        seen &= cover == 0
        number += 1
        if seen.sum() >= _SEEN * (inner.bottom - inner.top) * (inner.right - inner.left):
            made += 1
            yield np.clip(scene, 0, 255).astype(np.uint8), seen


def shown(
    predict: Predictor, held_out: Collection, above: float, count: int = SCENES
) -> list[float]:
    """The share of each poster's picture whose alpha is more than ``above``."""
    return [float((predict(scene) > above)[seen].mean()) for scene, seen in scenes(held_out, count)]
