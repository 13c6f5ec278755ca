"""Things that people hold before them: cups, telephones, books. They belong to the person.

The photos show few of them, and their sets do not agree about them. At least a quarter of a thing
lies over the person; what lies behind somebody stays room.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.training.augment.patterns import Generator, Pattern

SHARE = 0.12  # of the composited people hold something
_BELOW = 0.25  # no thing is held higher up in a person, share of the person's height in the frame
_LEAST = 0.25  # share of a thing that lies over the person at least
_SOFT = 1.0  # pixels: width of a thing's soft edge


@dataclass(frozen=True)
class Thing:
    """A randomly drawn thing, for people of any size: a superellipse."""

    place: float  # which of the person's outline pixels, 0..1
    inwards: float  # how far its center is moved from there into the person, shares of its radius
    radii: NDArray[np.float64]  # shares of the picture's height
    turn: float  # radians
    power: float  # of the superellipse: 2 gives an ellipse, more gives a box
    pattern: Pattern

    @staticmethod
    def draw(rng: Generator) -> Thing:
        size = float(np.exp(rng.uniform(np.log(0.03), np.log(0.13))))
        aspect = float(np.exp(rng.uniform(0, np.log(2))))
        return Thing(
            place=float(rng.random()),
            inwards=float(rng.uniform(0, 0.8)),
            radii=size * np.array([aspect, 1 / aspect]) ** 0.5,
            turn=float(rng.uniform(-0.6, 0.6)),
            power=float(np.exp(rng.uniform(np.log(2), np.log(12)))),
            pattern=Pattern.draw(rng, 0.2),
        )

    def cover(self, center: tuple[float, float], rows: int, columns: int) -> NDArray[np.float32]:
        """Opacity at each pixel, (rows, columns) in 0..1; ``center``: down and across in pixels."""
        y, x = np.ogrid[:rows, :columns]
        y, x = y - center[0], x - center[1]
        down = (y * np.cos(self.turn) - x * np.sin(self.turn)) / (self.radii[0] * rows)
        across = (y * np.sin(self.turn) + x * np.cos(self.turn)) / (self.radii[1] * rows)
        far = (np.abs(down) ** self.power + np.abs(across) ** self.power) ** (1 / self.power)
        inside = (1 - far) * self.radii.min() * rows / _SOFT + 0.5
        return np.asarray(inside.clip(0, 1), np.float32)


def hold(
    image: NDArray[np.float32], cover: NDArray[np.float32], rng: Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """As ``given``, for some of the people."""
    return given(image, cover, rng) if rng.random() < SHARE else (image, cover)


def given(
    image: NDArray[np.float32], cover: NDArray[np.float32], rng: Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give the person in ``image`` (BGR, (H, W, 3), 0..255) with alpha ``cover`` (H, W) something
    to hold; returns both. Where it would lie too little over the person, both stay."""
    thing = Thing.draw(rng)
    center = grip(thing, cover)
    if center is None:
        return image, cover
    shape = thing.cover(center, *cover.shape)
    if float((shape * cover).sum()) < _LEAST * float(shape.sum()):
        return image, cover
    plain = np.full((*cover.shape, 3), 128, np.uint8)
    surface = thing.pattern.over(plain, shape > 0)
    # The over operator (Porter and Duff 1984): a thing's edge shows nothing of the old background.
    behind = (1 - shape) * cover
    both = shape + behind
    share = (shape / np.maximum(both, 1e-6))[..., None]
    return np.where(both[..., None] > 0, image + (surface - image) * share, image), both


def grip(thing: Thing, cover: NDArray[np.float32]) -> tuple[float, float] | None:
    """Where the middle of ``thing`` is held, down and across in pixels; None where there is nobody
    or only the top of a head."""
    person = (cover > 0.5).astype(np.uint8)
    rows = person.shape[0]
    outline = person - cv2.erode(person, np.ones((3, 3), np.uint8), borderValue=1)
    ys, xs = np.nonzero(outline)
    if len(ys) == 0:
        return None
    top = int(ys.min())
    low = np.flatnonzero(ys > top + _BELOW * (rows - top))
    if len(low) == 0:
        return None
    at = low[int(thing.place * len(low))]
    y, x = int(ys[at]), int(xs[at])
    middle = float(np.nonzero(person[y])[0].mean())
    return y, x + float(np.sign(middle - x)) * thing.inwards * float(thing.radii.min()) * rows
