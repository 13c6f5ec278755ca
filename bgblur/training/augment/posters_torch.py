"""The torch version of posters.py, for whole batches on the training device.

Pictures are RGB ``float32`` (N, 3, H, W) in 0..255.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bgblur.training.augment import posters
from bgblur.training.augment.patterns import Generator
from bgblur.training.augment.posters import Poster, window
from bgblur.training.data.resident import RGB, Bank

Matrix = NDArray[np.float64]
Sample = Callable[[Bank, NDArray[np.int64], list[Matrix], None, int, int], tuple[Tensor, Tensor]]


def hang_posters(rooms: Tensor, bank: Bank, rng: Generator, sample: Sample) -> None:
    """Hang a photo of ``bank`` in some of the rooms, in place.

    ``sample`` is examples_torch._sampled: the planes of the given photos, (N, C, H, W) in 0..255,
    seen through matrices that map the rooms' pixels to the photos'.
    """
    chosen = np.flatnonzero(rng.random(len(rooms)) < posters.SHARE)
    if not len(chosen):
        return
    height, width = rooms.shape[2:]
    indices = rng.integers(len(bank.sizes), size=len(chosen))
    drawn = [Poster.draw(rng) for _ in chosen]
    boxes = [poster.boxes(height, width) for poster in drawn]
    frames = []
    for index, (_, inner) in zip(indices, boxes, strict=True):
        rows, columns = (int(side) for side in bank.sizes[index])
        head, first, _, last = (int(edge) for edge in bank.boxes[index])
        tall, wide = inner.bottom - inner.top, inner.right - inner.left
        top, left, h, _ = window(rows, columns, (head, (first + last) / 2), wide / tall)
        scale = h / tall
        frames.append(
            np.array(
                [
                    [scale, 0, left - scale * inner.left],
                    [0, scale, top - scale * inner.top],
                    [0, 0, 1.0],
                ]
            )
        )
    shown = sample(bank, indices, frames, None, height, width)[0][:, RGB]
    for number, photo, poster, (whole, inner) in zip(chosen, shown, drawn, boxes, strict=True):
        room = rooms[number]
        color = torch.from_numpy(poster.color).to(room)[:, None, None]
        room[(slice(None), *whole.within(height, width))] = color
        there = (slice(None), *inner.within(height, width))
        room[there] = (photo[there] * poster.gain).clamp(0, 255)
