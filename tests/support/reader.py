"""Reads blurred text, to find out whether a person could."""

from __future__ import annotations

import string

import cv2
import numpy as np
from numpy.typing import NDArray

from bgblur.compositing.blur import blurred_room
from bgblur.frame import Image

FONT = cv2.FONT_HERSHEY_SIMPLEX


class Reader:
    """Reads the middle letter of words of five, as the sharp letter that correlates with it best.

    ``tall`` is the text's size in pixels, from the ascenders' top to the descenders' bottom.
    """

    def __init__(self, tall: float) -> None:
        self.tall, self.thick = tall, max(1, round(tall / 11))
        self.scale = cv2.getFontScaleFromHeight(FONT, round(0.7 * tall), self.thick)
        self.side = int(1.4 * tall)
        self.sharp = {letter: self._letter(letter) for letter in string.ascii_uppercase}

    def share_read(
        self, blur: float, height: int, words: int = 60, edge: float | None = None
    ) -> float:
        """Of ``words`` random words, with ``blur`` as sigma, in a frame of ``height`` rows."""
        chance = np.random.default_rng(0)
        read = 0
        for _ in range(words):
            word = "".join(chance.choice(list(self.sharp), 5))
            image, (x, y) = self._page(word, height)
            if blur:
                nobody = np.zeros(image.shape[:2], np.float32)
                image = blurred_room(image, nobody, blur, edge=edge)
            half = self.side // 2 + 2  # two pixels of play
            place = image[y - half : y + half + 1, x - half : x + half + 1, 1]
            read += self._guess(place) == word[2]
        return read / words

    def _letter(self, letter: str) -> NDArray[np.uint8]:
        (w, h), _ = cv2.getTextSize(letter, FONT, self.scale, self.thick)
        image = np.full((self.side, self.side), 230, np.uint8)
        at = ((self.side - w) // 2, (self.side + h) // 2)
        cv2.putText(image, letter, at, FONT, self.scale, 25, self.thick, cv2.LINE_AA)
        return image

    def _page(self, word: str, height: int) -> tuple[Image, tuple[int, int]]:
        """(black letters on white, the middle one's centre)."""
        image = np.full((height, height * 16 // 9, 3), 230, np.uint8)
        x, y, ink = height // 2, height // 2, (25, 25, 25)
        centre = (x, y)
        for i, letter in enumerate(word):
            (w, h), _ = cv2.getTextSize(letter, FONT, self.scale, self.thick)
            cv2.putText(image, letter, (x, y), FONT, self.scale, ink, self.thick, cv2.LINE_AA)
            if i == 2:
                centre = (x + w // 2, y - h // 2)
            x += w + max(1, int(0.1 * self.tall))
        return image, centre

    def _guess(self, place: Image) -> str:
        def likeness(letter: str) -> float:
            found = cv2.matchTemplate(place, self.sharp[letter], cv2.TM_CCOEFF_NORMED)
            return float(found.max())

        return max(self.sharp, key=likeness)
