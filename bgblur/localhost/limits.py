"""Limits on connections: a daemon that runs for days must not run out of file handles."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from bgblur.localhost.newest import READS_WITHIN

MAX_CONNECTIONS = 64  # a browser opens six
REQUEST_WITHIN = 10.0  # seconds for a whole request, and between two of them
_CHECK_EVERY = 1.0  # seconds


class LimitedH11(H11Protocol):
    """Closes a connection that takes longer than REQUEST_WITHIN for a request, whose client takes
    nothing for READS_WITHIN, or that exceeds MAX_CONNECTIONS.

    uvicorn alone waits without limit for the first request, for the rest of any request, and for a
    client that stops reading: a frozen browser would count as a watcher, which keeps the camera
    open, until it ends.
    """

    _waiting_since: float | None = None
    _unread = 0  # bytes that wait for the client, at the last check
    _taken_at = 0.0  # when the client last took some of them
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

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread, self._taken_at = self.transport.get_write_buffer_size(), self.loop.time()

    def _check_later(self) -> None:
        self._next_check = self.loop.call_later(_CHECK_EVERY, self._check)

    def _check(self) -> None:
        now = self.loop.time()
        # Of a client that has sent a next request too early nothing more is read, not even its end.
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY) and not self.flow.read_paused:
            self._waiting_since = None  # the server is sending, as in a stream
        elif self._waiting_since is None:
            self._waiting_since = now
        elif now - self._waiting_since > REQUEST_WITHIN:
            self.transport.abort()
            return
        if self.flow.write_paused and self._stalls(now):
            self.transport.abort()  # not close, which would wait for the client
            return
        self._check_later()

    def _stalls(self, now: float) -> bool:
        unread = self.transport.get_write_buffer_size()
        if unread < self._unread:
            self._taken_at = now
        self._unread = unread
        return now - self._taken_at > READS_WITHIN
