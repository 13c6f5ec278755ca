"""Rooms for training examples: photos cropped, papered, and furnished at random."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from bgblur.frame import Image
from bgblur.training.augment import clutter, posters, walls
from bgblur.training.augment.chances import COMPOSITING, FRAMING
from bgblur.training.augment.patterns import Generator
from bgblur.training.data.sets import Collection, Picture, Plane, read_cutout, read_photo

DRESSED_SET = "ccp"  # shows people in their clothes from a distance, as the cut-outs do


def fit_room(room: Image, height: int, width: int, rng: Generator) -> Image:
    rows, columns = room.shape[:2]
    zoom = float(rng.uniform(*FRAMING.room_crop))
    h = max(8, int(min(rows, columns * height / width) * zoom))
    w = max(8, int(min(columns, rows * width / height) * zoom))
    y, x = int(rng.integers(rows - h + 1)), int(rng.integers(columns - w + 1))
    room = cv2.resize(room[y : y + h, x : x + w], (width, height), interpolation=cv2.INTER_AREA)
    return walls.paper(room, rng) if rng.random() < walls.SHARE else room


def furnished(room: Image, collection: Collection, rng: Generator) -> Image:
    """Add a picture of somebody and up to two lumps of cloth to the room, at random."""
    if collection.photos and rng.random() < posters.SHARE:
        photo, alpha, _ = read_photo(pick(collection.all_photos, rng))
        room = posters.hang(room, posters.Poster.draw(rng), photo, place_of(alpha))
    for share in clutter.SHARES:
        if rng.random() < share:
            lump = clutter.Lump.draw(rng)
            rows, columns = room.shape[:2]
            worn = None if lump.pattern else _clothes(collection, rows, columns, rng)
            room = clutter.put(room, lump, worn)
    return room


def place_of(alpha: Plane) -> tuple[float, float]:
    """(top, middle) of the person in a photo, in pixels; the photo's own without a person."""
    ys, xs = np.nonzero(alpha > 0.5)
    if len(ys) == 0:
        return 0.0, alpha.shape[1] / 2
    return float(ys.min()), float(xs.min() + xs.max() + 1) / 2


def _clothes(collection: Collection, height: int, width: int, rng: Generator) -> Image | None:
    """Return the clothes of a random person as a picture of this size, or None without any."""
    photos = collection.photos.get(DRESSED_SET, [])
    if not photos and not collection.cutouts:
        return None
    if collection.cutouts and (not photos or rng.random() < COMPOSITING.cutout):
        person, matte = read_cutout(pick(collection.cutouts, rng))
    else:
        person, matte, _ = read_photo(pick(photos, rng))
    ys, xs = np.nonzero(matte > 0.5)
    if len(ys) == 0:
        return None
    top, left = int(ys.min()), int(xs.min())
    tall, wide = int(ys.max()) + 1 - top, int(xs.max()) + 1 - left
    first, last, here, there = clutter.CLOTHES
    worn = person[
        top + int(first * tall) : top + int(last * tall) + 1,
        left + int(here * wide) : left + int(there * wide) + 1,
    ]
    return np.asarray(cv2.resize(worn, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def pick(pictures: Sequence[Picture], rng: Generator) -> Picture:
    return pictures[int(rng.integers(len(pictures)))]
