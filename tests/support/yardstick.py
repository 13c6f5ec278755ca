"""A unit for bounds of processor time that a slower machine keeps, too."""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np


def least_time(work: Callable[[], object], times: int = 50) -> float:
    """Processor seconds of ``work``, the least of many: what else the machine does comes on top."""

    def once() -> float:
        began = time.process_time()
        work()
        return time.process_time() - began

    return min(once() for _ in range(times))


def yardstick() -> float:
    """Processor seconds of a small blur: 0.1 ms on the processor that the bounds were set on."""
    plane = np.zeros((288, 512), np.float32)
    return least_time(lambda: cv2.blur(plane, (5, 5)))
