"""Connected-component labelling on a torch device, in a number of steps that depends on size only.

FastSV (Zhang, Azad and Buluc, "FastSV: a distributed-memory connected component algorithm with
fast convergence", SIAM PP 2020), with the eight cells around each cell as its neighbours.
"""

from __future__ import annotations

from math import ceil, log2

import torch
from torch import Tensor
from torch.nn import functional as F

# Rounds beyond log2 of the number of cells. The worst known masks, snakes through 22000 cells,
# take one. Parts of a region that were not joined would be judged alone, and hidden if in doubt.
_MORE_ROUNDS = 4


def connected(mask: Tensor) -> Tensor:
    """Labels ``int64`` (h, w) of the regions of ``mask`` (``bool`` (h, w), 8-connectivity): one
    positive number, at most h * w, for each region, and 0 outside."""
    cells = mask.numel()
    # The parent of each label. Each cell starts with its own label; label 0 is the outside.
    found = F.pad((torch.arange(1, cells + 1, device=mask.device) * mask.flatten()), (1, 0))
    for _ in range(ceil(log2(cells + 1)) + _MORE_ROUNDS):
        further = found[found]
        plane = further[1:].view(mask.shape)
        # Pooling needs floats; they are exact up to 2 ** 24.
        touched = F.max_pool2d(plane[None, None].float(), 3, stride=1, padding=1)[0, 0]
        largest = F.pad((touched.long() * mask).flatten(), (1, 0))
        hooked = found.scatter_reduce(0, found, largest, "amax")
        # Cells outside are hooked to nothing: their largest label is 0.
        found = torch.maximum(torch.maximum(hooked, largest), further)
    return found[1:].view(mask.shape)
