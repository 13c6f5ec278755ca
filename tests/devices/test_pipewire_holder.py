"""The holder of the PipeWire camera, without PipeWire. With it: tests/e2e/test_pipewire.py."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from bgblur.devices.pipewire import holder
from bgblur.devices.pipewire.held import END, Offer, Shared
from bgblur.devices.pipewire.meeting import connected, listening

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="PipeWire is Linux's")

SIZE = 64, 32
GOOD = Offer(SIZE, 30).as_message()


class Node:
    """A program takes its pictures."""

    watched, problem = True, None

    def __init__(self, name: str, size: tuple[int, int], fps: float, _: object) -> None:
        self.size, self.fps = size, fps
        self.shown: list[int] = []
        nodes.append(self)

    def show(self, picture: memoryview) -> None:
        self.shown.append(picture[0])

    def close(self) -> None: ...


nodes: list[Node] = []


@pytest.fixture
def name(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    nodes.clear()
    monkeypatch.setattr(holder, "CameraNode", Node)
    name = f"holder{os.getpid()}"
    listener = listening(name)
    assert listener is not None
    listener.socket.setblocking(False)
    thread = threading.Thread(target=holder.Holder(name, listener, 60.0, 60.0).run)
    thread.start()
    yield name
    Node.watched = False
    with connected(name, 60) as last:
        last.send(END)
        assert last.recv(100) == b""
    thread.join(60)
    Node.watched = True
    assert not thread.is_alive()


def offered(to: socket.socket, message: bytes, *descriptors: int) -> Any:
    """What the holder answers; None where it says nothing and closes."""
    socket.send_fds(to, [message], descriptors)
    said = to.recv(4096)
    return json.loads(said) if said else None


def shown(picture: int) -> bool:
    until = time.monotonic() + 60
    while picture not in nodes[0].shown and time.monotonic() < until:
        time.sleep(0.01)
    return picture in nodes[0].shown


def changed(**values: object) -> bytes:
    return json.dumps(json.loads(GOOD) | values).encode()


def test_a_daemon_that_says_what_cannot_be_is_told_why_and_the_node_stays(name: str) -> None:
    shared = Shared(SIZE)
    shared.card[0] = 200
    shared.slot(1)[0] = 7
    with connected(name, 60) as first:
        assert offered(first, GOOD, shared.descriptor) == {"size": [*SIZE]}
        first.send(b"\x01")
        assert shown(7)
    other, empty = socket.socketpair(), os.memfd_create("empty")
    wrong = [
        b"{",
        b"[" * 4000,
        b"[]",
        b"{}",
        b"\xff",
        GOOD + b" " * 5000,  # too long
        changed(protocol="1"),
        changed(protocol=None),
        changed(width="64"),
        changed(height=None),
        changed(height=[32]),
        changed(width=True),
        changed(width=63),
        changed(width=0),
        changed(width=-64),
        changed(width=10**30),
        changed(fps="30"),
        changed(fps=float("nan")),
        changed(fps=float("inf")),
        changed(fps=-1),
    ]
    attempts = [(message, [shared.descriptor]) for message in wrong]
    attempts += [(GOOD, [other[0].fileno()]), (GOOD, [empty])]  # no memory, or too little
    attempts += [(GOOD, [shared.descriptor] * 9), (GOOD, []), (b"x" * 5000, []), (b"\x03", [])]
    for message, descriptors in attempts:
        with connected(name, 60) as daemon:
            if message == b"\x03":  # a picture that is not there
                assert "size" in offered(daemon, GOOD, shared.descriptor)
            answer = offered(daemon, message, *descriptors)
            assert answer.keys() == {"problem"}, message
            assert "\n" not in answer["problem"]
            assert daemon.recv(100) == b"", "it is let go"
    with connected(name, 60) as next_one:
        assert offered(next_one, GOOD, shared.descriptor) == {"size": [*SIZE]}
        shared.slot(1)[0] = 9
        next_one.send(b"\x01")
        assert shown(9)
    assert len(nodes) == 1, "programs keep it"
    assert set(nodes[0].shown) <= {7, 200, 9}
    for each in other:
        each.close()
    os.close(empty)
    shared.close()
