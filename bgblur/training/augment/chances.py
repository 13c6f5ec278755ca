"""How often each augmentation is applied, and how strongly: one table for NumPy and torch.

A chance is a probability in 0..1. A range is (lowest, highest) of a uniform draw; ``log`` ranges
are uniform in the logarithm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Range = tuple[float, float]


@dataclass(frozen=True)
class Framing:
    """Webcam framings of photos and rooms."""

    mirrored: float = 0.5  # chance
    rotated: float = 0.3  # chance
    angle: Range = (-12, 12)  # degrees
    letterboxed: float = 0.25  # chance; other photos are cropped
    colored_bars: float = 0.5  # chance; other bars are black
    crop: Range = (0.45, 1.0)  # log: side of the crop, share of the largest possible one
    crop_tries: int = 6
    crop_person: Range = (0.03, 0.97)  # share of the crop that is person; the last try is kept
    judged: float = 0.999  # a resized pixel with a lower weight is ignored
    room_crop: Range = (0.6, 1.0)  # side of a room's crop, share of the largest possible one


@dataclass(frozen=True)
class Compositing:
    """People composited over rooms."""

    own: float = 0.5  # chance of one of the user's own photos, if there are any
    cutout: float = 0.5  # chance of a cut-out instead of a clean photo, if there are any
    second_person: float = 0.15  # chance
    room_blurred: float = 0.3  # chance that the room is out of focus
    room_sigma: Range = (0.5, 3)  # pixels
    feathered: float = 0.6  # chance of a soft edge
    feather_sigma: Range = (0.4, 1.2)  # pixels
    height: Range = (0.5, 1.6)  # of the person, in frame heights
    center: Range = (0.15, 0.85)  # of the person, share of the frame's width
    head: Range = (-0.1, 0.5)  # top of the person, share of the frame's height
    pull: Range = (0, 0.6)  # how far the person's mean and contrast move to the room's, 0..1
    gain: Range = (0.6, 1.6)  # limits of the room's contrast, relative to the person's
    mean_pull: float = 0.6  # of the means, relative to ``pull``


@dataclass(frozen=True)
class Light:
    """Light, camera and codec."""

    tone: float = 0.7  # chance
    gamma: Range = (0.6, 1.7)
    contrast: Range = (0.6, 1.35)
    brightness: Range = (-0.15, 0.15)  # share of full scale
    balance: Range = (0.85, 1.15)  # gain of each channel
    saturation: float = 0.4  # chance
    saturation_gain: Range = (0.4, 1.4)
    grey: float = 0.15  # chance of no colour at all, when saturation changes
    dark: float = 0.2  # chance of a dark, noisy picture
    dim: Range = (0.06, 0.8)  # log: gain
    noise_sigma: Range = (2, 14)  # levels of 255
    blur: float = 0.2  # chance
    blur_sigma: Range = (0.3, 1.4)  # pixels
    motion: float = 0.1  # chance of motion blur
    motion_length: Range = (0.01, 0.06)  # share of the picture's height
    motion_angle: Range = (0, 180)  # degrees
    jpeg: float = 0.25  # chance
    jpeg_quality: tuple[int, int] = (20, 80)  # the highest is excluded
    codec: float = 0.05  # chance of H.264
    codec_crf: tuple[int, int] = (28, 44)  # the highest is excluded

    def draw_motion_length(self, rng: np.random.Generator, height: int) -> int:
        """Length of a motion blur for a picture of this height; odd, 3 or more pixels."""
        return max(3, round(float(rng.uniform(*self.motion_length)) * height)) | 1

    def draw_dim(self, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
        """Gains of ``count`` dark pictures."""
        low, high = np.log(self.dim)
        return np.exp(rng.uniform(low, high, count))

    @property
    def jpeg_or_codec(self) -> float:
        """Chance of compression where JPEG stands in for H.264, as on a GPU."""
        return 1 - (1 - self.jpeg) * (1 - self.codec)


FRAMING, COMPOSITING, LIGHT = Framing(), Compositing(), Light()
