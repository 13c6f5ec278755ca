"""A room that carries a watermark, and the detector that finds it in a published picture.

The watermark is a chequered wave of colour, blue against red, on grey. Persons and cards have a
uniform tint. Any wave of tint in a picture therefore comes from the true room, wherever it lies, at
any size, mirrored or not, and the edge of a person or letter is not mistaken for it. A proper blur
levels the wave, even at the frame's border, where waves along the border still cancel out.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from bgblur.frame import Alpha, Image

WAVES = 20.0  # in the frame's height: strength 1 leaves a hundredth of such a wave, 60 nothing
_AMPLITUDE = 100
_RAW = 2 * _AMPLITUDE * 0.33  # the median of the rectified wave
LEAK = 0.08  # share of the raw room's contrast that counts as seen


@lru_cache(maxsize=16)
def room(width: int, height: int) -> Image:
    """Shared: do not write to it."""
    turns = 2 * np.pi * WAVES / height
    across, down = np.sin(turns * np.arange(width)), np.sin(turns * np.arange(height))
    wave = _AMPLITUDE * across * down[:, None]
    image = np.stack([128 + wave, np.full_like(wave, 128), 128 - wave], axis=2)
    image = image.round().astype(np.uint8)
    image.setflags(write=False)
    return image


def watermark_seen(picture: Image) -> float:
    """The watermark's contrast where it is strongest, as a share of the raw room's.

    Measured in squares of 2.5 waves at the frame's scale, at two offsets. The median within a
    square excludes the thin outline of a person, which may be half room.
    """
    side = max(6, round(2.5 * picture.shape[0] / WAVES))
    tint = picture[..., 0].astype(np.float32) - picture[..., 2]
    wave = np.asarray(np.abs(tint - cv2.blur(tint, (side, side))), np.float32)
    return max(_most(wave, side), _most(wave[side // 2 :, side // 2 :], side)) / float(_RAW)


def _most(wave: Alpha, side: int) -> float:
    rows, columns = wave.shape[0] // side, wave.shape[1] // side
    squares = wave[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return float(np.median(squares.transpose(0, 2, 1, 3).reshape(rows * columns, -1), axis=1).max())
