"""Marks of tests that need a device or kernels of torch's."""

from __future__ import annotations

import pytest
import torch

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")
needs_int8 = pytest.mark.skipif(
    torch.backends.quantized.engine not in ("x86", "fbgemm", "onednn"),
    reason="torch has no int8 kernels for this processor",
)
