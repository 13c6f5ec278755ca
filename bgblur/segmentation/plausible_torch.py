"""plausible.py's cells of a tensor, fetched while the device goes on with the frame."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from bgblur.gpu.stream import marked


def averaged(alpha: Tensor, size: tuple[int, int]) -> Callable[[], NDArray[np.float32]]:
    """A function that waits for the means of ``alpha`` (h, w) in (columns, rows) cells."""
    columns, rows = size
    cells = F.adaptive_avg_pool2d(alpha[None, None].float(), (rows, columns))[0, 0]
    # A copy to memory that is not pinned would wait.
    host = torch.empty(cells.shape, dtype=torch.float32, pin_memory=cells.is_cuda)
    host.copy_(cells, non_blocking=True)
    wait = marked(cells.device)

    def arrived() -> NDArray[np.float32]:
        wait()
        array: NDArray[np.float32] = host.numpy()
        return array

    return arrived
