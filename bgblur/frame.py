"""The types that travel down the pipeline, and the mailbox between its threads."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""``uint8`` (H, W, 3), BGR."""

Alpha = NDArray[np.float32]
"""``float32`` (H, W) in 0..1; 1 is the person."""

T = TypeVar("T")


def is_image(value: object) -> bool:
    """Whether it is what ``Image`` promises, with something in it."""
    return (
        isinstance(value, np.ndarray)
        and value.dtype == np.uint8
        and value.ndim == 3
        and value.shape[2] == 3
        and value.size > 0
    )


@dataclass(frozen=True)
class Frame:
    """A captured picture. ``captured`` is ``time.monotonic()`` at capture, in seconds; ``index``
    counts up from the opening of its source."""

    image: Image
    index: int
    captured: float = field(default_factory=time.monotonic)


class LatestSlot(Generic[T]):
    """A mailbox that holds one item: a newer one replaces an unread older one.

    Live video must never queue; whoever is slow sees fewer frames, not older ones.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._closed = False
        self.replaced = 0  # items nobody read

    def put(self, item: T) -> None:
        with self._changed:
            if self._item is not None:
                self.replaced += 1
            self._item = item
            self._changed.notify()

    def take(self, timeout: float) -> T | None:
        """The newest unread item; None after ``timeout`` seconds without one, or once closed."""
        with self._changed:
            if self._item is None and not self._closed:
                self._changed.wait(timeout)
            item, self._item = self._item, None
            return item

    def close(self) -> None:
        """Wake a waiting reader, so that its thread can end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
