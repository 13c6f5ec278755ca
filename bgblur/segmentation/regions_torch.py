"""Connected regions on a torch device, in a number of steps that does not depend on the picture.

FastSV (Zhang, Azad and Buluc, "FastSV: a distributed-memory connected component algorithm with
fast convergence", SIAM PP 2020), where each cell's neighbours are those that touch it.
"""

from __future__ import annotations

from math import ceil, log2

import torch
from torch import Tensor
from torch.nn import functional as F

# Beyond log2 of the cells. Snakes through 22000 cells, the worst that was found, take one; what
# would be left unjoined would be judged by itself, and hidden rather than shown.
_MORE_ROUNDS = 4


def connected(mask: Tensor) -> Tensor:
    """``int64`` (h, w): the same positive label, at most h * w, for the cells of one region of
    ``mask`` (``bool`` (h, w), eight neighbours), other ones for others, and 0 outside."""
    cells = mask.numel()
    # By label, each cell's own: the label that it has found so far. The first stands for outside.
    found = F.pad((torch.arange(1, cells + 1, device=mask.device) * mask.flatten()), (1, 0))
    for _ in range(ceil(log2(cells + 1)) + _MORE_ROUNDS):
        further = found[found]
        plane = further[1:].view(mask.shape)
        # As floats, which are exact up to 2 ** 24, for the sake of the pooling.
        touched = F.max_pool2d(plane[None, None].float(), 3, stride=1, padding=1)[0, 0]
        largest = F.pad((touched.long() * mask).flatten(), (1, 0))
        hooked = found.scatter_reduce(0, found, largest, "amax")
        # What is outside has been hooked to nothing: its largest is 0 as it is.
        found = torch.maximum(torch.maximum(hooked, largest), further)
    return found[1:].view(mask.shape)
