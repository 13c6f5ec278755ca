"""As edges.py, guided by colour in place of luma, for photos: it tells brown hair from a grey wall
of the same brightness. It takes four to five times as long, and flickers more in recordings.

Alpha is modelled as ``a . color + b`` in each window (He, Sun and Tang, "Guided Image Filtering",
PAMI 2013, section 3.5: equations 19 to 21).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from bgblur.frame import Alpha, Image
from bgblur.imaging.resize import shrink
from bgblur.segmentation.edges import around, feathered, firm
from bgblur.segmentation.enlarging import Side

EPSILON = 3e-3  # regularisation: variance of colours (of 0..1) below which a window counts as flat
# With it a is at most 9.2 times alpha's deviation: what ``edges.around`` leaves out is 0 here, too.
_WINDOWS = 40  # rows of alpha for each pixel of the window's radius


def radius_of(rows: int) -> int:
    """The window's radius in low-resolution pixels, for an alpha ``rows`` high."""
    return max(1, round(rows / _WINDOWS))


def upsample(alpha: Alpha, image: Image, feather: float = 0.0) -> Alpha:
    """``alpha`` (h, w) to the size of ``image`` (BGR ``uint8`` (H, W, 3)): ``float32`` (H, W).

    ``feather`` (0..1) is the amount of Gaussian blur before.
    """
    down, across = (Side(*pair) for pair in zip(alpha.shape, image.shape, strict=False))
    alpha = feathered(alpha, feather)
    cells = around(alpha, down, across, radius_of(down.cells))
    plane = np.zeros(image.shape[:2], np.float32)
    low = alpha[cells]
    if low.size:
        colors = shrink(image, across.cells, down.cells, roughly=True)[cells]
        *gains, rest = _coefficients(low, colors / np.float32(255), radius_of(down.cells))
        rows, columns = down.of(cells[0]), across.of(cells[1])
        inner, pixels = plane[rows, columns], image[rows, columns]
        size = inner.shape[::-1]
        cv2.resize(rest, size, dst=inner)
        for channel, gain in enumerate(gains):
            inner += cv2.multiply(
                cv2.resize(gain, size), pixels[..., channel], scale=1 / 255, dtype=cv2.CV_32F
            )
        inner[:] = firm(inner)
    return plane


def _coefficients(alpha: Alpha, colors: Any, radius: int) -> tuple[Alpha, Alpha, Alpha, Alpha]:
    """The window means of a for blue, green and red, and of b: (h, w) each."""
    window = (2 * radius + 1, 2 * radius + 1)

    def mean(plane: Any) -> Alpha:
        return cv2.blur(plane, window, borderType=cv2.BORDER_REPLICATE)

    planes = [np.ascontiguousarray(colors[..., channel]) for channel in range(3)]
    means, mean_alpha = [mean(plane) for plane in planes], mean(alpha)

    def covariance(one: int, other: int) -> Alpha:
        return mean(planes[one] * planes[other]) - means[one] * means[other]

    with_alpha = [
        mean(plane * alpha) - m * mean_alpha for plane, m in zip(planes, means, strict=True)
    ]
    bb, gg, rr = (covariance(channel, channel) + np.float32(EPSILON) for channel in range(3))
    bg, br, gr = covariance(0, 1), covariance(0, 2), covariance(1, 2)
    # The inverse of a symmetric matrix by its cofactors.
    inverse = (
        (gg * rr - gr * gr, br * gr - bg * rr, bg * gr - br * gg),
        (br * gr - bg * rr, bb * rr - br * br, bg * br - bb * gr),
        (bg * gr - br * gg, bg * br - bb * gr, bb * gg - bg * bg),
    )
    determinant = bb * inverse[0][0] + bg * inverse[0][1] + br * inverse[0][2]
    gains = [
        sum(cofactor * value for cofactor, value in zip(row, with_alpha, strict=True)) / determinant
        for row in inverse
    ]
    rest = mean_alpha - sum(gain * m for gain, m in zip(gains, means, strict=True))
    blue, green, red, constant = (mean(plane) for plane in (*gains, rest))
    return blue, green, red, constant
