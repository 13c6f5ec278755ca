from __future__ import annotations

import cv2
import numpy as np
import pytest

from bgblur.compositing.blend import blend_over


@pytest.mark.parametrize("people", range(8))
@pytest.mark.parametrize("size", [(640, 360), (333, 97), (40, 200)])
def test_every_pixel_satisfies_the_matting_equation(people: int, size: tuple[int, int]) -> None:
    """Whatever shape people have: holes, several of them, none, and nothing but them."""
    rng = np.random.default_rng(people)
    alpha = np.zeros(size[::-1], np.float32)
    for person in range(people):
        at = tuple(int(edge) for edge in rng.integers(0, size))
        cv2.circle(alpha, at, int(rng.integers(5, 150)), (1, 1, 0)[person % 3], -1)
    if people == 7:
        alpha[:] = 1
        alpha[90:, 30] = 0.5
    alpha = cv2.blur(alpha, (3, 3))
    pixels, room = rng.integers(0, 256, (2, *size[::-1], 3), np.uint8)
    picture = room.copy()
    blend_over(picture, pixels, alpha)
    wanted = room + alpha[..., None] * (pixels.astype(np.float32) - room)
    assert np.abs(picture - wanted).max() <= 0.51
    np.testing.assert_array_equal(picture[alpha == 1], pixels[alpha == 1])
    np.testing.assert_array_equal(picture[alpha == 0], room[alpha == 0])
