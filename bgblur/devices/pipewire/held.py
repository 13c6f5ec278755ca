"""What a daemon and the process that holds its camera node share: memory for pictures, and the
words that go between them."""

from __future__ import annotations

import mmap
import os

PROTOCOL = 1  # of offers and the layout of the memory; a holder of another one ends
SLOTS = 3  # pictures: one is being written, one is announced, one may still be read
END = b"end"  # the daemon closes its output in order
MESSAGE_BYTES = 4096
_HEAD = 64  # bytes before the card; the first of them is 1 while a program takes the pictures


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
            raise IndexError(number)
        return self._picture(1 + number)

    def close(self) -> None:
        """Leave the descriptor; the memory goes with the last view of it."""
        os.close(self.descriptor)

    def _picture(self, number: int) -> memoryview:
        begin = _HEAD + number * self._bytes
        return self._memory[begin : begin + self._bytes]
