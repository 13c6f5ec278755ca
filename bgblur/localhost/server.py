"""Serves an app on 127.0.0.1 from a thread, to the holder of its address."""

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
from starlette.types import ASGIApp

from bgblur.errors import OutputError
from bgblur.localhost.guard import Guard
from bgblur.localhost.limits import LimitedH11

SEND_BUFFER_BYTES = 128 * 1024
CLOSE_SECONDS = 2.0  # that close() waits for the thread


class LocalServer:
    """Serves at ``url`` until closed.

    ``build(token)`` returns the app; its own links need the token. ``name`` names the thread and
    stands in messages. ``port`` 0 takes a free one. Raises OutputError if the port is not
    available.
    """

    def __init__(self, build: Callable[[str], ASGIApp], name: str, port: int = 0) -> None:
        listener = _listen(port, name)
        port = listener.getsockname()[1]
        token = secrets.token_urlsafe()
        self.url = f"http://127.0.0.1:{port}/?token={token}"
        config = uvicorn.Config(
            Guard(build(token), port=port, token=token),
            http=LimitedH11,
            ws="none",
            lifespan="off",
            access_log=False,
            server_header=False,
            log_config=None,
            # uvicorn logs a stream cut off by close() as an error; the app logs its own errors.
            log_level=logging.CRITICAL,
            timeout_graceful_shutdown=0,
        )
        self._server = uvicorn.Server(config)
        # Off the main thread uvicorn leaves the signal handlers alone.
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listener)), name=name, daemon=True
        )
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the server still runs."""
        return self._thread.is_alive()

    def close(self) -> None:
        """End the server and every open stream; safe to call twice."""
        self._server.should_exit = True
        self._thread.join(CLOSE_SECONDS)

    async def _serve(self, listener: socket.socket) -> None:
        await self._server.serve([listener])
        for connection in self._server.server_state.connections:
            # uvicorn leaves one open whose reader has stalled, with pictures still to be sent.
            connection.transport.abort()


def _listen(port: int, name: str) -> socket.socket:
    # TCP is named since asyncio else leaves Nagle's algorithm on: 40 ms more for each answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":  # on Windows this would let two programs share the port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit this. By default the kernel queues megabytes for a slow reader, which
    # would then see old pictures.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError as error:
        listener.close()
        why = "another program has it" if error.errno == errno.EADDRINUSE else error.strerror
        raise OutputError(
            f"the {name.replace('-', ' ')} cannot use port {port}: {why}; "
            "choose another port, or 0 for a free one"
        ) from error
    return listener
