"""Labels by a clean plate: comparing with the empty room shows where the person is.

The camera's exposure and white balance change when a person enters, and the person shades the
room. The plate is therefore first adjusted to the picture's light, and differences of colour count
more than differences of brightness. GrabCut (Rother et al. 2004) decides uncertain pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.frame import Alpha, Image
from bgblur.segmentation.edges import upsample
from bgblur.training.data.sets import Plane

_ROWS = 240  # pixels: the height at which plate and picture are compared
_LEAST_NOISE = 3.0  # levels: noise of JPEG and the sensor
_SAME, _OTHER = 2.0, 5.0  # differences from the plate, in multiples of the noise
_SHADOW = (0.55, 1.0)  # brightness of a wall in a person's shadow, relative to its own
_SPECK = 0.004  # share of the frame: smaller regions are not a part of a person
_MOVED = 0.03  # share of pixels that differ between plate pictures: more mean a movement


class CleanPlate:
    """The empty room, the median of several pictures of one size (BGR ``uint8`` (H, W, 3))."""

    def __init__(self, pictures: Sequence[Image]) -> None:
        self.image: Image = np.median(np.stack(pictures), axis=0).astype(np.uint8)
        small = [_small(picture) for picture in pictures]
        self._plate = np.asarray(np.median(np.stack(small), axis=0), np.float32)
        spread = np.median([np.abs(p - self._plate).max(2) for p in small], axis=0)
        # 1.48 times the median deviation is the standard deviation of Gaussian noise. Pixels
        # at edges change much when the camera shakes by a fraction of a pixel.
        edges = cv2.morphologyEx(_grey(self._plate), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        noise = np.maximum(_LEAST_NOISE, 1.48 * spread) + 0.2 * edges
        self._noise = np.asarray(noise, np.float32)

    def correct(self, image: Image, alpha: Alpha) -> Alpha:
        """Return the model's ``alpha`` of ``image``, corrected by the plate; all of one size."""
        plate_rows = self._plate.shape[:2]
        guess = cv2.resize(alpha, plate_rows[::-1], interpolation=cv2.INTER_AREA)
        small = _small(image)
        difference = self.difference(image, alpha)
        person = _grab(small, difference, guess)
        return upsample(person.astype(np.float32), image)

    def difference(self, image: Image, alpha: Alpha) -> Plane:
        """Difference of each pixel from the plate, in units of its noise; ``float32`` (h, w)."""
        small = _small(image)
        guess = cv2.resize(alpha, small.shape[1::-1], interpolation=cv2.INTER_AREA)
        trusted = (cv2.dilate(guess, np.ones((9, 9), np.uint8)) < 0.5).astype(np.float32)
        # Twice: the first result separates person and room better than the model's alpha.
        for _ in range(2):
            lit = self._plate * self._gain(small, trusted)
            found = _distance(small, lit, self._noise)
            trusted = (cv2.blur(found, (5, 5)) < _SAME).astype(np.float32)
        return found

    def _gain(self, small: Plane, trusted: Plane) -> Plane:
        """Change of the light per colour channel: of the whole room, then of each region."""
        # Clipped pixels, in either picture, say nothing about the light.
        usable = ((small < 250) & (self._plate < 250) & (self._plate > 8)).all(2)
        weight = np.asarray(trusted * usable, np.float32)
        where = weight > 0
        if where.mean() < 0.02:
            return np.ones(3, np.float32)
        whole = np.median(small[where] / self._plate[where], axis=0).clip(0.3, 3)
        # Normalised convolution (Knutsson and Westin 1993); a prior fills regions without data.
        sigma = small.shape[0] / 8
        here = cv2.GaussianBlur(small * weight[..., None], (0, 0), sigma)
        there = cv2.GaussianBlur(self._plate * whole * weight[..., None], (0, 0), sigma)
        local = (here + 10) / (there + 10)
        return np.asarray(whole * local.clip(0.7, 1.4), np.float32)


def moved(pictures: Sequence[Image]) -> bool:
    """True if something moved while the plate was taken: the person is still in the picture."""
    small = [cv2.GaussianBlur(_small(picture), (0, 0), 2) for picture in pictures]
    spread = np.ptp(np.stack(small), axis=0).max(2)
    return bool((spread > 6 * _LEAST_NOISE).mean() > _MOVED)


def _distance(small: Plane, lit: Plane, noise: Plane) -> Plane:
    brightness, plate_brightness = small.mean(2) + 1, lit.mean(2) + 1
    ratio = brightness / plate_brightness
    # Difference of colour alone: scale the plate to the picture's brightness.
    color = np.abs(small - lit * ratio[..., None]).max(2)
    light = np.abs(brightness - plate_brightness)
    shaded = (ratio > _SHADOW[0]) & (ratio < _SHADOW[1]) & (color < _SAME * noise)
    light = np.where(shaded, 0.4 * light, light)
    return np.asarray(np.maximum(1.5 * color, light) / noise, np.float32)


def _grab(small: Plane, difference: Plane, guess: Plane) -> NDArray[np.bool_]:
    """Find the person from the difference to the plate and the model's ``guess``."""
    steady = cv2.blur(difference, (5, 5))
    differs = cv2.morphologyEx(
        (steady > _OTHER).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)
    )
    same = cv2.erode((steady < _SAME).astype(np.uint8), np.ones((3, 3), np.uint8))
    differs = _people(differs, guess)
    if not differs.any():
        return np.zeros(differs.shape, np.bool_)
    near = cv2.dilate(differs, np.ones((15, 15), np.uint8))
    trimap = np.where(guess > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[differs > 0] = cv2.GC_PR_FGD
    inner = cv2.erode(differs, np.ones((5, 5), np.uint8))
    trimap[inner > 0] = cv2.GC_FGD
    # A shirt may have the wall's colour: inside the person, equal to the plate is not background.
    enclosed = _filled(differs) > 0
    trimap[(same > 0) & ~enclosed] = cv2.GC_PR_BGD
    trimap[((same > 0) & (guess < 0.5) & ~enclosed) | (near == 0)] = cv2.GC_BGD
    if not (trimap == cv2.GC_FGD).any() or not (trimap == cv2.GC_BGD).any():
        return differs > 0
    picture = small.astype(np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(picture, trimap, (0, 0, 0, 0), *models, 3, cv2.GC_INIT_WITH_MASK)
    person = np.isin(trimap, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    return _filled(_people(person, guess)) > 0


def _people(mask: NDArray[np.uint8], guess: Plane) -> NDArray[np.uint8]:
    """Drop specks, and regions that the model does not take for a person, as a moved curtain."""
    count, labels, figures, _ = cv2.connectedComponentsWithStats(mask)
    kept = np.zeros_like(mask)
    largest = max(range(1, count), key=lambda n: figures[n, cv2.CC_STAT_AREA], default=0)
    for n in range(1, count):
        inside = labels == n
        large = figures[n, cv2.CC_STAT_AREA] > _SPECK * mask.size
        if large and (n == largest or float(guess[inside].mean()) > 0.2):
            kept[inside] = 1
    return kept


def _filled(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Close small holes; a large one, as between an arm and the hip, shows the room."""
    count, labels, figures, _ = cv2.connectedComponentsWithStats(1 - mask, connectivity=4)
    filled = mask.copy()
    for n in range(1, count):
        if figures[n, cv2.CC_STAT_AREA] < 2 * _SPECK * mask.size:
            filled[labels == n] = 1
    return filled


def _small(image: Image) -> Plane:
    size = (round(_ROWS * image.shape[1] / image.shape[0]), _ROWS)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)


def _grey(plane: Plane) -> Plane:
    return np.asarray(plane.mean(2), np.float32)
