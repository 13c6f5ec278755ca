"""Pictures with known colours and corners."""

from __future__ import annotations

import numpy as np

from bgblur.frame import Image

RED, GREEN, BLUE, WHITE = (0, 0, 255), (0, 255, 0), (255, 0, 0), (255, 255, 255)

UPRIGHT = {  # by EXIF orientation: the corners of ``corners()``, row by row, after it is applied
    1: [RED, GREEN, BLUE, WHITE],
    2: [GREEN, RED, WHITE, BLUE],
    3: [WHITE, BLUE, GREEN, RED],
    4: [BLUE, WHITE, RED, GREEN],
    5: [RED, BLUE, GREEN, WHITE],
    6: [BLUE, RED, WHITE, GREEN],
    7: [WHITE, GREEN, BLUE, RED],
    8: [GREEN, WHITE, RED, BLUE],
}


def corners(width: int = 64, height: int = 48) -> Image:
    """Red, green / blue, white: every turn and flip can be seen."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2], picture[: height // 2, width // 2 :] = RED, GREEN
    picture[height // 2 :, : width // 2], picture[height // 2 :, width // 2 :] = BLUE, WHITE
    return picture


def patches(rows: int = 4, columns: int = 6) -> Image:
    """Random colours in squares of 32 pixels: halved chroma cannot change their middles."""
    colors = np.random.default_rng(3).integers(0, 256, (rows, columns, 3), np.uint8)
    return colors.repeat(32, 0).repeat(32, 1)


def middles(picture: Image) -> Image:
    return picture[16::32, 16::32]
