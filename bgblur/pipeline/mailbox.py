"""What the pipeline's threads hand to each other, and the mailbox between them."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from bgblur.compositing.compositor import Compositor
from bgblur.frame import Frame

T = TypeVar("T")


@dataclass(frozen=True)
class Segmented:
    """A frame with its own alpha, both where the engine computes. ``alpha`` is None only where
    the look in force was raw."""

    frame: Frame
    pixels: Any
    alpha: Any
    compositor: Compositor


class LatestSlot(Generic[T]):
    """A mailbox that holds one item: a newer one replaces an unread older one.

    Live video must never queue: a slow reader sees fewer frames, not older ones.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._closed = False
        self.replaced = 0  # items that were never read

    def put(self, item: T) -> None:
        with self._changed:
            if self._item is not None:
                self.replaced += 1
            self._item = item
            self._changed.notify()

    def take(self, timeout: float) -> T | None:
        """The unread item; None after ``timeout`` seconds without one, or once closed."""
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
