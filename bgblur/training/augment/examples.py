"""Makes training examples of one size from photos, cut-outs and rooms.

Each function draws only from the generator that it is given. An example therefore depends on its
seed alone, and a resumed run sees the same examples as an uninterrupted one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from bgblur.frame import Image
from bgblur.training.augment import clothes, held
from bgblur.training.augment.chances import COMPOSITING, FRAMING
from bgblur.training.augment.light import change_light
from bgblur.training.augment.patterns import Generator
from bgblur.training.augment.rooms import fit_room, furnished, pick
from bgblur.training.data.sets import (
    OWN,
    Collection,
    Picture,
    Plane,
    cut_out,
    read_cutout,
    read_photo,
)


@dataclass(frozen=True)
class Example:
    """``image`` BGR uint8 (H, W, 3); ``alpha`` and ``weight`` float32 (H, W)."""

    image: Image
    alpha: Plane
    weight: Plane


@dataclass(frozen=True)
class Mix:
    """Shares of the examples: people composited over rooms, and empty rooms; the rest are photos.

    ``set_weights``: relative chance of each set, for photos.
    """

    composited: float = 0.3
    empty: float = 0.04
    set_weights: tuple[tuple[str, float], ...] = (
        ("eg1800", 0.36),
        ("voc_person", 0.24),
        ("ccp", 0.2),
        ("humanseg_web", 0.14),
        ("face_synthetics", 0.06),
    )


def draw_example(
    collection: Collection, mix: Mix, height: int, width: int, rng: Generator
) -> Example:
    """Draw one augmented example of ``height`` x ``width`` pixels."""
    roll = rng.random()
    if collection.rooms and roll < mix.empty:
        room = read_photo(pick(collection.rooms, rng))[0]
        image = furnished(fit_room(room, height, width, rng), collection, rng)
        empty = np.zeros((height, width), np.float32)
        example = Example(image, empty, np.ones_like(empty))
    elif collection.rooms and roll < mix.empty + mix.composited:
        example = _composite(collection, height, width, rng)
    else:
        picture = _pick_photo(collection, mix, rng)
        example = _frame(Example(*read_photo(picture)), height, width, rng)
    if rng.random() < FRAMING.mirrored:
        image, alpha, weight = (cv2.flip(plane, 1) for plane in _planes(example))
        example = Example(image, alpha, weight)
    image = example.image
    if rng.random() < clothes.SHARE:
        image = clothes.dress(image, example.alpha, rng)
    # Filters and resizing overshoot by a rounding error.
    return Example(change_light(image, rng), example.alpha.clip(0, 1), example.weight)


def _planes(example: Example) -> tuple[Image, Plane, Plane]:
    return example.image, example.alpha, example.weight


def _pick_photo(collection: Collection, mix: Mix, rng: Generator) -> Picture:
    sets = [(name, w) for name, w in mix.set_weights if collection.photos.get(name)]
    if not sets:
        return pick(collection.all_photos, rng)
    shares = np.array([weight for _, weight in sets])
    name = sets[int(rng.choice(len(sets), p=shares / shares.sum()))][0]
    return pick(collection.photos[name], rng)


# ---------------------------------------------------------------- geometry


def _frame(example: Example, height: int, width: int, rng: Generator) -> Example:
    """Cut a webcam framing out of the photo, or letterbox the whole photo."""
    if rng.random() < FRAMING.rotated:
        example = _rotate(example, rng)
    framing = _letterbox if rng.random() < FRAMING.letterboxed else _cut
    framed = framing(example, height, width, rng)
    # Where resizing mixed ignored and judged pixels, alpha is a mixture too: ignore it.
    return replace(framed, weight=(framed.weight > FRAMING.judged).astype(np.float32))


def _cut(example: Example, height: int, width: int, rng: Generator) -> Example:
    rows, columns = example.alpha.shape
    window = (min(rows, columns * height / width), min(columns, rows * width / height))
    for _ in range(FRAMING.crop_tries):
        zoom = float(np.exp(rng.uniform(*np.log(FRAMING.crop))))
        h, w = max(16, round(window[0] * zoom)), max(16, round(window[1] * zoom))
        y = int(rng.integers(max(1, rows - h + 1)))
        x = int(rng.integers(max(1, columns - w + 1)))
        least, most = FRAMING.crop_person
        if least < example.alpha[y : y + h, x : x + w].mean() < most:
            break
    return Example(
        *(
            cv2.resize(plane[y : y + h, x : x + w], (width, height), interpolation=cv2.INTER_AREA)
            for plane in _planes(example)
        )
    )


def _letterbox(example: Example, height: int, width: int, rng: Generator) -> Example:
    rows, columns = example.alpha.shape
    scale = min(height / rows, width / columns)
    h, w = max(1, round(rows * scale)), max(1, round(columns * scale))
    y, x = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    image = np.empty((height, width, 3), np.uint8)
    image[:] = rng.integers(0, 256, 3) if rng.random() < FRAMING.colored_bars else 0
    alpha = np.zeros((height, width), np.float32)
    weight = np.ones((height, width), np.float32)
    area = np.s_[y : y + h, x : x + w]
    image[area], alpha[area], weight[area] = (
        cv2.resize(plane, (w, h), interpolation=cv2.INTER_AREA) for plane in _planes(example)
    )
    return Example(image, alpha, weight)


def _rotate(example: Example, rng: Generator) -> Example:
    rows, columns = example.alpha.shape
    turn = cv2.getRotationMatrix2D((columns / 2, rows / 2), float(rng.uniform(*FRAMING.angle)), 1.0)
    image, alpha, weight = _planes(example)
    size = (columns, rows)
    return Example(
        cv2.warpAffine(image, turn, size, borderMode=cv2.BORDER_REFLECT_101),
        cv2.warpAffine(alpha, turn, size, borderMode=cv2.BORDER_REFLECT_101),
        cv2.warpAffine(weight, turn, size, borderMode=cv2.BORDER_REFLECT_101),
    )


# ---------------------------------------------------------------- compositing


def _composite(collection: Collection, height: int, width: int, rng: Generator) -> Example:
    """Composite one or two people over a room, with matched light and a soft edge."""
    room = read_photo(pick(collection.rooms, rng))[0]
    image = furnished(fit_room(room, height, width, rng), collection, rng).astype(np.float32)
    if rng.random() < COMPOSITING.room_blurred:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(*COMPOSITING.room_sigma)))
    alpha = np.zeros((height, width), np.float32)
    for _ in range(2 if rng.random() < COMPOSITING.second_person else 1):
        alpha = np.maximum(alpha, put_person(image, collection, rng))
    return Example(np.clip(image, 0, 255).astype(np.uint8), alpha, np.ones_like(alpha))


def put_person(room: Plane, collection: Collection, rng: Generator) -> Plane:
    """Composite somebody over ``room``, BGR ``float32`` (H, W, 3), in place; returns the alpha."""
    person, matte = _person(collection, rng)
    height, width = room.shape[:2]
    placed, cover = _place(person, matte, height, width, rng)
    placed, cover = held.hold(placed, cover, rng)
    placed = _match_light(placed, cover, room, rng)
    if rng.random() < COMPOSITING.feathered:
        cover = cv2.GaussianBlur(cover, (0, 0), float(rng.uniform(*COMPOSITING.feather_sigma)))
    room += (placed - room) * cover[..., None]
    return cover


def _person(collection: Collection, rng: Generator) -> tuple[Image, Plane]:
    """Draw a cut-out, or a person cut from a photo whose mask is trustworthy to the pixel.

    If there are photos of the user, half of the people are the user: the model must find the user
    in front of any room.
    """
    own = collection.photos.get(OWN, [])
    if own and rng.random() < COMPOSITING.own:
        return _cut_from(pick(own, rng))
    if collection.cutouts and (not collection.photos or rng.random() < COMPOSITING.cutout):
        return read_cutout(pick(collection.cutouts, rng))
    return _cut_from(pick(collection.clean, rng))


def _cut_from(picture: Picture) -> tuple[Image, Plane]:
    image, alpha, _ = read_photo(picture)
    return image, cut_out(alpha)


def beside(x: float, cut_left: bool, cut_right: bool, end: float) -> float:
    """``x`` of a person's photo in the frame, moved so that a side where the photo ends within the
    person is the frame's side; ``end``: where the photo's right edge is the frame's."""
    if cut_left == cut_right:
        return x
    return min(x, 0.0) if cut_left else max(x, end)


def _place(
    person: Image, matte: Plane, height: int, width: int, rng: Generator
) -> tuple[Plane, Plane]:
    """Scale the person to webcam size, standing on the frame's lower edge or cut by it."""
    ys, xs = np.nonzero(matte > 0.5)
    if len(ys) == 0:
        return np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32)
    top, left, right = int(ys.min()), int(xs.min()), int(xs.max()) + 1
    tall = int(ys.max()) + 1 - top
    scale = float(rng.uniform(*COMPOSITING.height)) * height / tall
    x = rng.uniform(*COMPOSITING.center) * width - scale * (left + right) / 2
    x = beside(x, left == 0, right == matte.shape[1], width - scale * right)
    # Cut-outs end at the hips: the cut must lie below the frame, or the person would float.
    y = max(rng.uniform(*COMPOSITING.head) * height, height - scale * tall) - scale * top
    move = np.array([[scale, 0, x], [0, scale, y]])
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    if scale < 0.7:  # warpAffine does not antialias: resize first
        small = (max(1, round(matte.shape[1] * scale)), max(1, round(matte.shape[0] * scale)))
        person, matte = (cv2.resize(p, small, interpolation=flags) for p in (person, matte))
        move = np.array([[1.0, 0, x], [0, 1.0, y]])
    placed = cv2.warpAffine(
        person, move, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    cover = cv2.warpAffine(matte, move, (width, height), flags=cv2.INTER_LINEAR)
    return placed.astype(np.float32), cover


def _match_light(placed: Plane, cover: Plane, room: Plane, rng: Generator) -> Plane:
    """Move the person's mean and contrast part of the way to the room's (Reinhard et al. 2001)."""
    inside = cover > 0.5
    if not inside.any():
        return placed
    pull = float(rng.uniform(*COMPOSITING.pull))
    mean, std = placed[inside].mean(0), placed[inside].std(0) + 1
    target_mean, target_std = room.mean((0, 1)), room.std((0, 1)) + 1
    gain = (1 - pull) + pull * np.clip(target_std / std, *COMPOSITING.gain)
    matched = (placed - mean) * gain + mean + pull * (target_mean - mean) * COMPOSITING.mean_pull
    return np.asarray(np.clip(matched, 0, 255), np.float32)
