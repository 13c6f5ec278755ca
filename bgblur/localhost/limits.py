"""What one connection may cost: a daemon that runs all day must not end up without file handles."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 64  # a browser opens six
REQUEST_WITHIN = 10.0  # seconds for a whole request, and between two of them
_LOOK_EVERY = 1.0


class LimitedH11(H11Protocol):
    """Cuts off whoever takes longer than REQUEST_WITHIN over a request, or is one too many.

    uvicorn itself waits for ever for the rest of a request, and for the first one.
    """

    _waiting_since: float | None = None
    _look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        else:
            self._waiting_since = self.loop.time()
            self._look_later()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self._waiting_since = None
        super().on_response_complete()

    def _look_later(self) -> None:
        self._look = self.loop.call_later(_LOOK_EVERY, self._check)

    def _check(self) -> None:
        now = self.loop.time()
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._waiting_since = None  # it is we who are to send, as in a stream
        elif self._waiting_since is None:
            self._waiting_since = now
        elif now - self._waiting_since > REQUEST_WITHIN:
            self.transport.abort()
            return
        self._look_later()
