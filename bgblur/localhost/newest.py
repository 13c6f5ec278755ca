"""Hands the newest picture from any thread to the server's event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from bgblur.frame import Image

RESEND_SECONDS = 1.0  # a stream sends its picture again when no new one comes


class NewestPicture:
    """Holds the newest picture and its number, counted from 1, and wakes the waiting streams.

    ``put`` and ``close`` may be called from any thread, the rest from the server's event loop.
    """

    def __init__(self) -> None:
        self.picture: Image | None = None
        self.number = 0
        self.closed = False
        self._watchers = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived = asyncio.Event()

    @property
    def watchers(self) -> int:
        """How many streams are open."""
        return self._watchers

    def put(self, picture: Image) -> None:
        """Replace the picture, BGR ``uint8`` (H, W, 3). It is kept, not copied."""
        self.picture = picture
        self.number += 1
        self._notify()

    def close(self) -> None:
        """End all streams."""
        self.closed = True
        self._notify()

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Count a stream as open inside the block; without one, ``put`` wakes nobody."""
        self._loop = asyncio.get_running_loop()
        self._watchers += 1
        try:
            yield
        finally:
            self._watchers -= 1

    async def newer_than(self, number: int) -> None:
        """Wait for a picture after ``number`` or for ``close``, at most RESEND_SECONDS."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RESEND_SECONDS):
                while self.number <= number and not self.closed:
                    await self._arrived.wait()

    def _notify(self) -> None:
        if self._watchers and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the event loop has just ended
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        arrived, self._arrived = self._arrived, asyncio.Event()
        arrived.set()
