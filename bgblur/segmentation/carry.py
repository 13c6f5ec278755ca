"""Carries the alpha of one frame to the next by optical flow.

Dense optical flow between the two small pictures (DIS: Kroeger et al. 2016, arXiv:1603.03590) gives
the origin of each pixel. Where the flow is not reliable, alpha goes to 0, to prevent background
disclosure: a pixel that may not be the person is blurred.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.frame import Alpha, Image

# Warping error in grey levels: reliable up to the first, not at all from the second.
_EXPLAINED, _UNEXPLAINED = 10.0, 30.0
# Forward-backward error of the flow in small pixels, likewise.
_RETURNED, _ASTRAY = 1.0, 3.0
_ENOUGH = 0.8  # reliable share of the person needed; with less the scene was cut or they left
_DEPTH = 0.03  # of the height: pixels this deep inside the person stay the person for one frame


class Carrier:
    """Warps an alpha from one frame to the next."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def __call__(self, alpha: Alpha, before: Image, now: Image) -> Alpha | None:
        """``alpha`` (h, w) of the frame ``before``, warped to the frame ``now``: (h, w). Both
        frames are small pictures of one size (``motion.small_picture``). None where the flow is
        reliable for too little of the person."""
        grey_before, grey_now = (cv2.cvtColor(one, cv2.COLOR_BGR2GRAY) for one in (before, now))
        there = self._flow.calc(grey_now, grey_before, None)
        back = self._flow.calc(grey_before, grey_now, None)
        places = _grid(grey_now.shape) + there
        missed = cv2.absdiff(now, _moved(before, places)).max(axis=2)
        missed = cv2.blur(missed.astype(np.float32), (3, 3))
        astray = np.linalg.norm(there + _moved(back, places), axis=2)
        trust = _falling(missed, _EXPLAINED, _UNEXPLAINED) * _falling(astray, _RETURNED, _ASTRAY)

        rows, columns = alpha.shape
        size = (columns, rows)
        scale = np.array([columns / now.shape[1], rows / now.shape[0]], np.float32)
        moved = _moved(alpha, _grid(alpha.shape) + cv2.resize(there, size) * scale)
        trust = cv2.resize(trust, size)
        if float((moved * trust).sum()) < _ENOUGH * float(moved.sum()):
            return None
        radius = max(1, round(_DEPTH * rows))
        window = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
        deep = cv2.erode(alpha, window)
        carried: Alpha = np.maximum(moved * trust, np.minimum(deep, moved))
        return carried


def _grid(shape: tuple[int, ...]) -> NDArray[np.float32]:
    rows, columns = shape
    return np.dstack(np.meshgrid(np.arange(columns), np.arange(rows))).astype(np.float32)


def _moved(plane: NDArray[np.generic], places: NDArray[np.float32]) -> NDArray[np.float32]:
    moved: NDArray[np.float32] = cv2.remap(
        plane, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return moved


def _falling(values: NDArray[np.float32], first: float, last: float) -> NDArray[np.float32]:
    """A linear ramp: 1 up to ``first``, 0 from ``last``."""
    falling: NDArray[np.float32] = ((last - values) / (last - first)).clip(0, 1)
    return falling
