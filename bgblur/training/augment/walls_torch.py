"""The torch version of walls.py, for whole batches on the training device.

Pictures are RGB ``float32`` (N, 3, H, W) in 0..255.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bgblur.training.augment import walls
from bgblur.training.augment.light_torch import column
from bgblur.training.augment.patterns import Generator
from bgblur.training.augment.patterns_torch import cloth_over
from bgblur.training.augment.walls import Wall


def paper_walls(rooms: Tensor, rng: Generator) -> None:
    """Add a wall to a share ``walls.SHARE`` of the rooms, in place."""
    chosen = np.flatnonzero(rng.random(len(rooms)) < walls.SHARE)
    if len(chosen):
        which = torch.from_numpy(chosen).to(rooms.device)
        rooms[which] = paper(rooms[which], [Wall.draw(rng) for _ in chosen])


def paper(rooms: Tensor, drawn: Sequence[Wall]) -> Tensor:
    """Return each room with the wall ``drawn`` for it."""
    height, width = rooms.shape[2:]
    top, left, bottom, right, opacity = (
        column(np.array([getattr(one, name) for one in drawn]), rooms)
        for name in ("top", "left", "bottom", "right", "opacity")
    )
    down = ((torch.arange(height, device=rooms.device) + 0.5) / height)[:, None]
    across = (torch.arange(width, device=rooms.device) + 0.5) / width
    where = (down > top) & (down < bottom) & (across > left) & (across < right)
    cloth = cloth_over(rooms, where, [one.pattern for one in drawn])
    return (rooms + (cloth - rooms) * where * opacity).clamp(0, 255)
