"""What bgblur uses of uvicorn beyond its documentation, one test for each feature that needs it.

If one of these fails after an update of uvicorn, the feature in its name no longer works.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator

import h11
import httpx
import pytest
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send
from support.web.preview import eventually

from bgblur.localhost import server as server_module
from bgblur.localhost.limits import LimitedH11
from bgblur.localhost.server import LocalServer

called: list[str] = []


class WatchedH11(LimitedH11):
    """Notes which hooks uvicorn calls, and what they find."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        assert self in self.connections
        assert self.transport is transport
        assert self.loop is asyncio.get_running_loop()
        assert self.conn.their_state is h11.IDLE
        called.append("made")

    def on_response_complete(self) -> None:
        called.append("answered")
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        assert self not in self.connections
        called.append("lost")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalServer]:
    called.clear()
    monkeypatch.setattr(server_module, "LimitedH11", WatchedH11)
    server = LocalServer(lambda token: PlainTextResponse("hello"), "canary")
    yield server
    server.close()


def test_limits_on_connections_hook_into_uvicorns_h11_protocol(server: LocalServer) -> None:
    with httpx.Client(trust_env=False) as client:
        assert client.get(server.url).text == "hello"
        assert client.get(server.url).text == "hello"
    assert eventually(lambda: "lost" in called)
    assert called == ["made", "answered", "answered", "lost"]


def test_closing_with_a_stalled_reader_aborts_uvicorns_connections(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = httpx.URL(server.url).port
    with socket.create_connection(("127.0.0.1", port), timeout=60) as raw:
        connections = server._server.server_state.connections
        assert eventually(lambda: len(connections) == 1)
        (connection,) = connections
        assert callable(connection.transport.abort)
        monkeypatch.setattr(server_module, "CLOSE_SECONDS", 60.0)
        began = time.monotonic()
        server.close()
        assert time.monotonic() - began < 30
        assert raw.recv(1) == b""


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    async def body() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1 << 16)

    await StreamingResponse(body())(scope, receive, send)


def test_closing_cuts_off_a_reader_that_has_stalled_in_the_middle() -> None:
    """uvicorn leaves its connection open, with what could not be sent."""
    server = LocalServer(lambda token: endless, "canary")
    url = httpx.URL(server.url)
    with socket.create_connection(("127.0.0.1", url.port), timeout=60) as raw:
        head = f"GET {url.raw_path.decode()} HTTP/1.1\r\nHost: 127.0.0.1:{url.port}\r\n\r\n"
        raw.sendall(head.encode())
        assert eventually(lambda: bool(server._server.server_state.connections))
        (connection,) = server._server.server_state.connections
        transport = connection.transport
        assert eventually(lambda: transport.get_write_buffer_size() > 0)
        server.close()
        assert not server.alive
        assert eventually(lambda: transport.get_extra_info("socket").fileno() == -1)


def test_closing_from_another_thread_sets_uvicorns_should_exit(server: LocalServer) -> None:
    assert eventually(lambda: server._server.started)
    assert server.alive
    assert not server._server.should_exit
    server.close()
    assert not server.alive
