"""The torch version of clutter.py, for whole batches on the training device.

Pictures are RGB ``float32`` (N, 3, H, W) in 0..255.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from bgblur.training.augment import clutter
from bgblur.training.augment.clutter import Lump
from bgblur.training.augment.light_torch import column
from bgblur.training.augment.patterns import Generator
from bgblur.training.augment.patterns_torch import cloth_over


def put_clutter(rooms: Tensor, rng: Generator, clothes: Callable[[int], Tensor | None]) -> None:
    """Add one or two lumps to some of the rooms, in place.

    ``clothes`` returns the given number of pictures of clothes, as large as ``rooms``, or None if
    there are none.
    """
    for share in clutter.SHARES:
        chosen = np.flatnonzero(rng.random(len(rooms)) < share)
        lumps = [Lump.draw(rng) for _ in chosen]
        for patterned in (True, False):
            of_kind = [i for i, lump in enumerate(lumps) if (lump.pattern is not None) == patterned]
            if of_kind:
                which = torch.from_numpy(chosen[of_kind]).to(rooms.device)
                worn = None if patterned else clothes(len(of_kind))
                if not patterned and worn is None:
                    continue
                rooms[which] = put(rooms[which], [lumps[i] for i in of_kind], worn)


def put(rooms: Tensor, drawn: Sequence[Lump], clothes: Tensor | None) -> Tensor:
    """Return each room with the lump ``drawn`` for it.

    All show ``clothes``, or, if that is None, all are patterned.
    """
    cover = _cover(drawn, rooms)
    cloth = clothes
    if cloth is None:
        cloth = cloth_over(rooms, cover > 0, [one.pattern for one in drawn if one.pattern])
    return (rooms + (cloth - rooms) * cover).clamp(0, 255)


def _cover(drawn: Sequence[Lump], rooms: Tensor) -> Tensor:
    """Opacity of the lumps, (N, 1, H, W) in 0..1; see Lump.cover."""

    def each(values: Sequence[float]) -> Tensor:
        return column(np.array(values), rooms)

    height, width = rooms.shape[2:]
    y, x = (
        ((torch.arange(n, device=rooms.device) + 0.5) / n).view(shape)
        - each([one.center[axis] for one in drawn])
        for axis, (n, shape) in enumerate(((height, (-1, 1)), (width, (1, -1))))
    )
    y = y / each([one.radii[0] for one in drawn])
    x = x / each([one.radii[1] for one in drawn])
    power = each([one.power for one in drawn])
    far = (y.abs() ** power + x.abs() ** power) ** (1 / power)
    turn = torch.atan2(y, x)
    outline = torch.ones_like(turn)
    for k in range(len(drawn[0].waves)):
        outline += each([one.waves[k, 0] for one in drawn]) * torch.cos((k + 1) * turn)
        outline += each([one.waves[k, 1] for one in drawn]) * torch.sin((k + 1) * turn)
    soft = ((outline - far) / clutter.SEAM).clamp(0, 1)
    return soft * each([one.opacity for one in drawn])
