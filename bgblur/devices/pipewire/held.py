"""What a daemon and the process that holds its camera node share: memory for pictures, and the
words that go between them."""

from __future__ import annotations

import json
import mmap
import os
from typing import Any, NamedTuple

PROTOCOL = 1  # of offers and the layout of the memory; a holder of another one ends
SLOTS = 3  # pictures: one is being written, one is announced, one may still be read
END = b"end"  # the daemon closes its output in order
MESSAGE_BYTES = 4096
_LONGEST, _FASTEST = 16384, 1_000_000  # pixels of a side, pictures a second
_HEAD = 64  # bytes before the card; the first of them is 1 while a program takes the pictures


class AnotherVersionError(ValueError):
    """An offer of another ``PROTOCOL``."""


class Offer(NamedTuple):
    """Pictures of ``size``, (width, height), even, ``fps`` a second."""

    size: tuple[int, int]
    fps: float

    def as_message(self) -> bytes:
        width, height = self.size
        offer = {"protocol": PROTOCOL, "width": width, "height": height, "fps": self.fps}
        return json.dumps(offer).encode()


def offer_in(message: bytes) -> Offer:
    """Raises AnotherVersionError, and ValueError, in one line, where it is no offer."""
    try:
        said = json.loads(message)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or type(said.get("protocol")) is not int:
        raise ValueError("it has sent what is no offer")
    if said["protocol"] != PROTOCOL:
        raise AnotherVersionError(f"it has sent an offer of version {said['protocol']}")
    numbers: dict[str, Any] = {key: said.get(key) for key in ("width", "height", "fps")}
    if not all(type(number) in (int, float) for number in numbers.values()):  # True is neither
        raise ValueError("its offer lacks width, height or fps")
    width, height, fps = numbers.values()
    if not all(0 < side <= _LONGEST and side % 2 == 0 for side in (width, height)):
        raise ValueError(f"it has offered pictures of {width}x{height}")
    if not 0 <= fps <= _FASTEST:  # nor is it "not a number"
        raise ValueError(f"it has offered {fps} pictures a second")
    return Offer((int(width), int(height)), float(fps))


class Shared:
    """Memory for pictures of ``size`` in I420: a card and ``SLOTS`` others. Made where
    ``descriptor`` is None, else mapped. Raises OSError, or ValueError where it is too small."""

    def __init__(self, size: tuple[int, int], descriptor: int | None = None) -> None:
        self.size = size
        self._bytes = size[0] * size[1] * 3 // 2
        length = _HEAD + (1 + SLOTS) * self._bytes
        self.descriptor = os.memfd_create("bgblur") if descriptor is None else descriptor
        try:
            if descriptor is None:
                os.ftruncate(self.descriptor, length)
            self._memory = memoryview(mmap.mmap(self.descriptor, length))
        except BaseException:
            os.close(self.descriptor)
            raise

    @property
    def watched(self) -> bool:
        return bool(self._memory[0])

    @watched.setter
    def watched(self, watched: bool) -> None:
        self._memory[0] = watched

    @property
    def card(self) -> memoryview:
        return self._picture(0)

    def slot(self, number: int) -> memoryview:
        """Raises IndexError where there is no such slot."""
        if not 0 <= number < SLOTS:
            raise IndexError(f"there is no picture {number}")
        return self._picture(1 + number)

    def close(self) -> None:
        """Leave the descriptor; the memory goes with the last view of it."""
        os.close(self.descriptor)

    def _picture(self, number: int) -> memoryview:
        begin = _HEAD + number * self._bytes
        return self._memory[begin : begin + self._bytes]
