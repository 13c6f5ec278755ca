"""Alpha of one frame from that of the frame before: moved along with the picture.

Dense optical flow between the two small pictures (DIS: Kroeger et al. 2016, arXiv:1603.03590)
tells where each pixel came from. Where the flow does not explain the picture, alpha goes to 0, to
prevent background disclosure: what cannot be told to be the person is blurred.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.frame import Alpha, Image

# Grey levels that a moved picture may miss the new one by: explained, and not explained at all.
_EXPLAINED, _UNEXPLAINED = 10.0, 30.0
# The same for there and back again, small pixels apart.
_RETURNED, _ASTRAY = 1.0, 3.0
_ENOUGH = 0.8  # of the person that must be explained: else the scene was cut, or they are gone
_DEPTH = 0.03  # of the height: who was this deep within the person is not background a frame later


class Carrier:
    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def __call__(self, alpha: Alpha, before: Image, now: Image) -> Alpha | None:
        """``alpha`` (h, w) of the frame ``before`` as it is ``now``; both are small pictures of
        one size (``motion.small_picture``). The result is (h, w) too; None where the flow explains
        too little of the person."""
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
    """1 up to ``first``, 0 from ``last`` on."""
    falling: NDArray[np.float32] = ((last - values) / (last - first)).clip(0, 1)
    return falling
