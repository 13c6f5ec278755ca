"""Streams the newest picture as endless JPEGs to any number of browsers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator

import cv2
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from bgblur.errors import OutputError
from bgblur.frame import Image
from bgblur.localhost.newest import RESEND_SECONDS, NewestPicture, Reader

JPEG_QUALITY = 80
BOUNDARY = "frame"
MAX_STREAMS = 8
STREAM_TYPE = f"multipart/x-mixed-replace; boundary={BOUNDARY}"


class JpegFeed:
    """One view of the newest picture, as JPEG.

    ``view`` returns the picture to show, or None while there is none. Each picture is encoded
    once, on a worker thread, and only while a stream is open. The JPEG is dropped when the last
    stream closes, and after RESEND_SECONDS: ``view`` knows when a picture is too old.
    """

    def __init__(self, newest: NewestPicture, view: Callable[[], Image | None]) -> None:
        self._newest = newest
        self._view = view
        self._encoding = asyncio.Lock()
        self._watchers = 0
        self._number, self._encoded_at = 0, 0.0
        self._jpeg: bytes | None = None

    @contextlib.contextmanager
    def watched(self) -> Iterator[Reader]:
        """Keep a stream of this view open inside the block."""
        self._watchers += 1
        try:
            with self._newest.watched() as reader:
                yield reader
        finally:
            self._watchers -= 1
            if not self._watchers:
                self._number, self._jpeg = 0, None

    async def parts(self, reader: Reader) -> AsyncIterator[bytes]:
        """Yield the body of a ``multipart/x-mixed-replace`` answer to ``reader`` until the pictures
        end.

        Each part has the newest picture, so a slow reader skips those in between. The boundary
        is sent at the end of a part, not with the next one: browsers show a picture only after
        they have read the boundary behind it.
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
                reader.took()  # sending waits while the client does not read

    async def _newest_jpeg(self) -> tuple[int, bytes | None]:
        async with self._encoding:
            number, now = self._newest.number, time.monotonic()
            if number != self._number or now - self._encoded_at >= RESEND_SECONDS:
                self._jpeg = None
                self._jpeg = await run_in_threadpool(self._encode)
                self._number, self._encoded_at = number, now
            return self._number, self._jpeg

    def _encode(self) -> bytes | None:
        picture = self._view()
        if picture is None:
            return None
        done, jpeg = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
        if not done:
            raise OutputError(f"cannot encode a picture of shape {picture.shape} as JPEG")
        return jpeg.tobytes()


class Streams:
    """Serves ``GET /stream?view=NAME`` from ``feeds``, at most MAX_STREAMS at a time."""

    def __init__(self, feeds: dict[str, JpegFeed]) -> None:
        self._feeds = feeds
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        feed = self._feeds.get(Request(scope).query_params.get("view", "after"))
        if feed is None:
            names = ", ".join(self._feeds)
            refusal = PlainTextResponse(f"Unknown view: use one of {names}.\n", 404)
            await refusal(scope, receive, send)
        elif self._open >= MAX_STREAMS:
            refusal = PlainTextResponse("Too many previews are open: close one of them.\n", 503)
            await refusal(scope, receive, send)
        elif scope["method"] == "HEAD":
            await Response(media_type=STREAM_TYPE)(scope, receive, send)
        else:
            self._open += 1
            try:
                with feed.watched() as reader:
                    stream = StreamingResponse(feed.parts(reader), media_type=STREAM_TYPE)
                    await stream(scope, receive, send)
            finally:
                self._open -= 1
