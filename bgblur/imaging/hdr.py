"""HDR's colours: ITU-R BT.2100's PQ and HLG, and sRGB within them.

Pictures are BGR; signals are 0..1 and light is in nits (cd/m2). An sRGB white has 203 nits, and the
HLG display 1000 nits at its peak (ITU-R BT.2408, BT.2100 table 5).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Transfer = Literal["pq", "hlg"]
WHITE, _PEAK = 203.0, 1000.0
_STRIP = 128  # rows at a time
_GAMMA = 1.2  # HLG's system gamma at _PEAK
_LUMA = np.array([0.0593, 0.6780, 0.2627])  # of BT.2020, for BGR
# Linear BT.709 to BT.2020, for BGR (ITU-R BT.2087).
_TO_2020 = np.array(
    [[0.8955953, 0.0880133, 0.0163914], [0.0113623, 0.9195404, 0.0690973],
     [0.0433131, 0.3292830, 0.6274039]]
)  # fmt: skip


def pq_signal(nits: Any) -> Any:
    """The PQ signal for light of 0..10000 nits (BT.2100 table 4)."""
    y = np.clip(nits / 10000, 0, 1) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375


def pq_light(signal: Any) -> Any:
    """The inverse of ``pq_signal``."""
    e = np.clip(signal, 0, 1) ** (1 / 78.84375)
    y = np.maximum(e - 0.8359375, 0) / (18.8515625 - 18.6875 * e)
    return 10000 * y ** (1 / 0.1593017578125)


def hlg_signal(nits: Any) -> Any:
    """The HLG signal for displayed light (..., 3) of 0..1000 nits, BGR (BT.2100 table 5)."""
    display = nits / _PEAK
    luma = np.maximum(display @ _LUMA, 1e-6)[..., None]
    scene = display * luma ** ((1 - _GAMMA) / _GAMMA)
    bent = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-6)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * np.maximum(scene, 0)), bent)


def from_srgb(picture: NDArray[np.uint8], transfer: Transfer) -> NDArray[np.uint16]:
    """An sRGB ``picture`` (H, W, 3) in BT.2020 with this transfer function, 16 bits full range."""
    signal = np.empty(picture.shape, np.uint16)
    for top in range(0, len(picture), _STRIP):
        rows = np.s_[top : top + _STRIP]
        light = (_srgb_light()[picture[rows]] @ _TO_2020.T.astype(np.float32)) * np.float32(WHITE)
        bent = pq_signal(light) if transfer == "pq" else hlg_signal(light)
        signal[rows] = np.rint(65535 * bent.clip(0, 1))
    return signal


def srgb_view(picture: NDArray[np.uint16], transfer: Transfer) -> NDArray[np.uint8]:
    """A copy in 8 bits for the network, which knows sRGB. Each channel is bent for itself, so its
    hues are only about right."""
    return _view_table(transfer)[picture >> 4]


@lru_cache
def _srgb_light() -> NDArray[np.float32]:
    value = np.arange(256) / 255
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)


@lru_cache
def _view_table(transfer: Transfer) -> NDArray[np.uint8]:
    signal = np.arange(4096) / 4095
    if transfer == "hlg":  # made to look right on a display that takes it for SDR
        return np.rint(255 * signal).astype(np.uint8)
    light = pq_light(signal) / WHITE
    shown = light * (1 + light / 24) / (1 + light)  # Reinhard: 1000 nits stay below white
    bent = np.where(shown <= 0.0031308, 12.92 * shown, 1.055 * shown ** (1 / 2.4) - 0.055)
    return np.rint(255 * np.clip(1.25 * bent, 0, 1)).astype(np.uint8)
