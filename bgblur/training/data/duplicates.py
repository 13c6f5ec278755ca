"""Finds pictures that show the same thing: perceptual hashes of each picture and its mirror image.

The hash is pHash (Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010)
with 255 bits: which of the 16 x 16 lowest frequencies of a small grey picture are above their
median. The usual 64 bits confuse portraits that are cropped around the eyes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.training.data.sets import read_image

# Bits of 255. Of the pairs of the shipped models' data, all up to 58 show the same person in the
# same place, or the same file twice; at 60 it is one of three, the others are close-ups before
# plain walls; from 64 on nearly all differ. A pair too many costs one training picture.
NEAR = 60
_SIDE, _LOWEST = 64, 16
_AT_ONCE = 500  # rows of the table of distances, which has as many columns as there are pictures

Hashes = NDArray[np.bool_]  # (N, 255)


def perceptual_hashes(paths: Sequence[Path]) -> tuple[Hashes, Hashes]:
    """The hashes of the pictures and of their mirror images. Raises DataError for an unreadable
    file."""
    with ThreadPoolExecutor() as pool:
        lowest = np.array(list(pool.map(_frequencies, paths)), np.float32)
    lowest = lowest.reshape(-1, _LOWEST, _LOWEST)
    mirrored = lowest.copy()
    mirrored[:, :, 1::2] *= -1  # the cosine transform of the mirror image
    return _above_median(lowest), _above_median(mirrored)


def near_pairs(hashes: Hashes, mirrored: Hashes, most: int = NEAR) -> list[tuple[int, int]]:
    """Indices (first < second) of pictures that differ in at most ``most`` bits, maybe mirrored."""
    # The product of vectors of 1 and -1 is the number of equal bits minus that of other ones.
    signs, mirrored_signs = (np.where(h, 1, -1).astype(np.float32) for h in (hashes, mirrored))
    bits = hashes.shape[1]
    pairs = set()
    for start in range(0, len(signs), _AT_ONCE):
        rows = signs[start : start + _AT_ONCE]
        near = (rows @ signs.T >= bits - 2 * most) | (rows @ mirrored_signs.T >= bits - 2 * most)
        for row, column in zip(*near.nonzero(), strict=True):
            if start + row < column:
                pairs.add((start + int(row), int(column)))
    return sorted(pairs)


def joined(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """The groups of names that pairs connect, each in order."""
    group_of: dict[str, list[str]] = {}
    for one, other in pairs:
        ours, theirs = (group_of.setdefault(name, [name]) for name in (one, other))
        if ours is not theirs:
            ours += theirs
            group_of |= dict.fromkeys(theirs, ours)
    unique = {id(group): sorted(group) for group in group_of.values()}
    return sorted(unique.values())


def _frequencies(path: Path) -> NDArray[np.float32]:
    pixels = read_image(path, cv2.IMREAD_UNCHANGED)
    if pixels.ndim == 3 and pixels.shape[2] == 4:  # a cut-out, on white
        alpha = pixels[..., 3:].astype(np.float32) / 255
        pixels = (pixels[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    else:
        pixels = read_image(path, cv2.IMREAD_COLOR)  # upright
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(cv2.dct(small)[:_LOWEST, :_LOWEST], np.float32)


def _above_median(lowest: NDArray[np.float32]) -> Hashes:
    values = lowest.reshape(len(lowest), -1)[:, 1:]  # without the mean
    return np.asarray(values > np.median(values, axis=1, keepdims=True))
