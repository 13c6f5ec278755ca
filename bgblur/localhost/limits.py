"""Limits on connections: a daemon that runs for days must not run out of file handles."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 64  # a browser opens six
REQUEST_WITHIN = 10.0  # seconds for a whole request, and between two of them
_CHECK_EVERY = 1.0  # seconds


class LimitedH11(H11Protocol):
    """Closes a connection that takes longer than REQUEST_WITHIN for a request, or exceeds
    MAX_CONNECTIONS.

    uvicorn alone waits without limit for the first request and for the rest of any request.
    """

    _waiting_since: float | None = None
    _next_check: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        else:
            self._waiting_since = self.loop.time()
            self._check_later()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._next_check is not None:
            self._next_check.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self._waiting_since = None
        super().on_response_complete()

    def _check_later(self) -> None:
        self._next_check = self.loop.call_later(_CHECK_EVERY, self._check)

    def _check(self) -> None:
        now = self.loop.time()
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._waiting_since = None  # the server is sending, as in a stream
        elif self._waiting_since is None:
            self._waiting_since = now
        elif now - self._waiting_since > REQUEST_WITHIN:
            self.transport.abort()
            return
        self._check_later()
