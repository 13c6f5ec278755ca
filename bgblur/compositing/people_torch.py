"""people.py's means of squares, of a tensor."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d


@torch.inference_mode()
def averaged(alpha: Tensor, side: int) -> NDArray[np.float32]:
    """The means of squares of ``side`` pixels of ``alpha`` (H, W), on the host."""
    pooled = avg_pool2d(alpha[None, None].float(), side)[0, 0]
    return np.asarray(pooled.cpu().numpy(), np.float32)
