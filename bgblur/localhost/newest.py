"""Hands the newest picture from any thread to the server's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator

from bgblur.frame import Image

RESEND_SECONDS = 1.0  # a stream sends its picture again when no new one comes
KEPT_SECONDS = 3.0  # after which a picture is too old to be shown: whoever puts them hangs
READS_WITHIN = 15.0  # seconds in which a client that is connected takes some of what is sent


class Reader:
    """One stream. ``took`` says that the client has taken a picture."""

    def __init__(self) -> None:
        self.took()

    def took(self) -> None:
        self._at = time.monotonic()

    @property
    def reads(self) -> bool:
        """Whether the client has taken a picture lately. One that has just come counts too."""
        return time.monotonic() - self._at < READS_WITHIN


class NewestPicture:
    """Holds the newest picture and its number, counted from 1, and wakes the waiting streams.

    ``put``, ``close`` and ``watchers`` may be used from any thread, the rest from the server's
    event loop.
    """

    def __init__(self) -> None:
        self.number = 0
        self.closed = False
        self._picture: tuple[Image, float] | None = None  # and when it came
        self._readers: dict[int, Reader] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived = asyncio.Event()

    @property
    def picture(self) -> Image | None:
        """The newest picture; None once it is older than KEPT_SECONDS."""
        kept = self._picture
        if kept is None or time.monotonic() - kept[1] > KEPT_SECONDS:
            return None
        return kept[0]

    @property
    def watchers(self) -> int:
        """How many streams are read. One that is open and takes nothing is a frozen browser."""
        return sum(reader.reads for reader in list(self._readers.values()))

    def put(self, picture: Image) -> None:
        """Replace the picture, BGR ``uint8`` (H, W, 3). It is kept, not copied."""
        self._picture = picture, time.monotonic()
        self.number += 1
        self._notify()

    def close(self) -> None:
        """End all streams, and forget the picture."""
        self.closed, self._picture = True, None
        self._notify()

    @contextlib.contextmanager
    def watched(self) -> Iterator[Reader]:
        """Keep a stream open inside the block; without one, ``put`` wakes nobody."""
        self._loop = asyncio.get_running_loop()
        reader = Reader()
        self._readers[id(reader)] = reader
        try:
            yield reader
        finally:
            del self._readers[id(reader)]

    async def newer_than(self, number: int) -> None:
        """Wait for a picture after ``number`` or for ``close``, at most RESEND_SECONDS."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RESEND_SECONDS):
                while self.number <= number and not self.closed:
                    await self._arrived.wait()

    def _notify(self) -> None:
        if self._readers and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the event loop has just ended
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        arrived, self._arrived = self._arrived, asyncio.Event()
        arrived.set()
