"""The newest picture as an endless JPEG stream, for however many watch."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator

import cv2
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from bgblur.errors import OutputError
from bgblur.frame import Image

JPEG_QUALITY = 80
RESEND_SECONDS = 1.0
BOUNDARY = "frame"
MAX_STREAMS = 8
STREAM_TYPE = f"multipart/x-mixed-replace; boundary={BOUNDARY}"


class Newest:
    """Holds the newest picture and its number, counted from 1, and wakes the streams that wait.

    ``put`` and ``close`` are for any thread; the rest belongs to the server's event loop.
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
        self.picture = picture
        self.number += 1
        self._notify()

    def close(self) -> None:
        self.closed = True
        self._notify()

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """While a stream is open; without one, ``put`` wakes nobody."""
        self._loop = asyncio.get_running_loop()
        self._watchers += 1
        try:
            yield
        finally:
            self._watchers -= 1

    async def newer_than(self, number: int) -> None:
        """Wait for a picture after ``number``, for the close, or for RESEND_SECONDS."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RESEND_SECONDS):
                while self.number <= number and not self.closed:
                    await self._arrived.wait()

    def _notify(self) -> None:
        if self._watchers and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the server has just ended
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        arrived, self._arrived = self._arrived, asyncio.Event()
        arrived.set()


class JpegFeed:
    """One view of the newest picture: each is encoded once, on a worker thread, and only if
    somebody asks. When the last watcher leaves, the JPEG is forgotten."""

    def __init__(self, newest: Newest, view: Callable[[], Image | None]) -> None:
        self._newest = newest
        self._view = view
        self._encoding = asyncio.Lock()
        self._watchers = 0
        self._number = 0
        self._jpeg: bytes | None = None

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        self._watchers += 1
        try:
            with self._newest.watched():
                yield
        finally:
            self._watchers -= 1
            if not self._watchers:
                self._number, self._jpeg = 0, None

    async def parts(self) -> AsyncIterator[bytes]:
        """The body of a ``multipart/x-mixed-replace`` answer, until the sink closes.

        Each step takes the newest picture, so a reader that is slow to accept a part
        skips what came meanwhile. The boundary closes a part rather than opening the next:
        browsers show a picture only once they have seen the boundary after it.
        """
        yield f"--{BOUNDARY}\r\n".encode()
        seen = 0
        while True:
            await self._newest.newer_than(seen)
            if self._newest.closed:
                return
            seen, jpeg = await self._newest_jpeg()
            if jpeg is not None:
                head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                yield head.encode() + jpeg + f"\r\n--{BOUNDARY}\r\n".encode()

    async def _newest_jpeg(self) -> tuple[int, bytes | None]:
        async with self._encoding:
            number = self._newest.number
            if number != self._number:
                self._jpeg = await run_in_threadpool(self._encode)
                self._number = number
            return self._number, self._jpeg

    def _encode(self) -> bytes | None:
        picture = self._view()
        if picture is None:
            return None
        done, jpeg = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
        if not done:
            raise OutputError(f"a picture of shape {picture.shape} cannot be made a JPEG")
        return jpeg.tobytes()


class Streams:
    """GET /stream?view=after|before|alpha, at most MAX_STREAMS of them at a time."""

    def __init__(self, feeds: dict[str, JpegFeed]) -> None:
        self._feeds = feeds
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        feed = self._feeds.get(Request(scope).query_params.get("view", "after"))
        if feed is None:
            refusal = PlainTextResponse("Unknown view: use after, before or alpha.\n", 404)
            await refusal(scope, receive, send)
        elif self._open >= MAX_STREAMS:
            refusal = PlainTextResponse("Too many previews are open: close one.\n", 503)
            await refusal(scope, receive, send)
        elif scope["method"] == "HEAD":
            await Response(media_type=STREAM_TYPE)(scope, receive, send)
        else:
            self._open += 1
            try:
                with feed.watched():
                    stream = StreamingResponse(feed.parts(), media_type=STREAM_TYPE)
                    await stream(scope, receive, send)
            finally:
                self._open -= 1
