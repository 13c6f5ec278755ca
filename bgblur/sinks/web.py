"""The live preview page, for a machine without a virtual camera or a look at the blur."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable

import uvicorn

from bgblur.errors import OutputError
from bgblur.frame import Image
from bgblur.sinks import PixelFormat, Resizing
from bgblur.sinks.web_server import build_app
from bgblur.sinks.web_stream import Newest

SEND_BUFFER_BYTES = 128 * 1024
CLOSE_SECONDS = 2.0


class WebSink:
    """Serves the newest picture at ``url``, on 127.0.0.1 and to the holder of its token only.

    ``status()`` is what the page shows, ``change(key, value)`` writes the user's configuration
    and raises UsageError with one line for a bad value. ``before()`` is the camera's picture
    behind the newest published one, and ``matte()`` its alpha as a grey BGR picture, or None
    where there is none; both are asked for only while somebody looks at them, and never kept.
    All are called from worker threads. ``port`` 0 takes a free one.
    Raises OutputError if the port cannot be had.
    """

    pixel_format: PixelFormat = "bgr"
    resizing: Resizing = "any"

    def __init__(
        self,
        *,
        status: Callable[[], dict[str, object]],
        change: Callable[[str, int | float | str | bool], None],
        before: Callable[[], Image | None],
        matte: Callable[[], Image | None],
        port: int = 0,
    ) -> None:
        listener = _listen(port)
        port = listener.getsockname()[1]
        token = secrets.token_urlsafe()
        self.url = f"http://127.0.0.1:{port}/?token={token}"
        self.name = f"web preview at {self.url}"
        self._newest = Newest()
        app = build_app(
            newest=self._newest,
            status=status,
            change=change,
            before=before,
            matte=matte,
            port=port,
            token=token,
        )
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            access_log=False,
            server_header=False,
            log_config=None,
            # A stream cut off at close() is an error to uvicorn; the app logs its own.
            log_level=logging.CRITICAL,
            timeout_graceful_shutdown=0,
        )
        self._server = uvicorn.Server(config)
        # Off the main thread uvicorn leaves the signal handlers alone.
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listener)),
            name="web-preview",
            daemon=True,
        )
        self._thread.start()

    @property
    def is_open(self) -> bool:
        return not self._newest.closed

    @property
    def watchers(self) -> int:
        """How many streams of the pictures are open."""
        return self._newest.watchers

    def publish(self, picture: Image) -> None:
        """Show ``picture``, uint8 (H, W, 3) BGR. Raises OutputError once the server has ended."""
        if not self._thread.is_alive():
            raise OutputError("the web preview has ended: start bgblur-cam again")
        # A copy: a buffer the caller writes the next frame into must never be seen half done.
        self._newest.put(picture.copy())

    def close(self) -> None:
        """End the server and every open stream; safe to call twice."""
        self._newest.close()
        self._server.should_exit = True
        self._thread.join(CLOSE_SECONDS)

    async def _serve(self, listener: socket.socket) -> None:
        await self._server.serve([listener])
        for connection in self._server.server_state.connections:
            connection.transport.abort()  # a reader that has stalled takes no goodbye


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name == "posix":  # elsewhere this lets two programs share the port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit it. By default the kernel would queue megabytes for a slow reader,
    # who would then watch the past.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError as error:
        listener.close()
        why = "another program has it" if error.errno == errno.EADDRINUSE else error.strerror
        raise OutputError(
            f"the web preview cannot use port {port}: {why}; "
            "choose another port, or 0 for a free one"
        ) from error
    return listener
