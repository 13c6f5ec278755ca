"""The PipeWire camera's sink and node without PipeWire. With it: tests/e2e/test_pipewire.py."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from support.pipewire_place import taken

from bgblur.compositing.card import card
from bgblur.devices.pipewire import library as pw
from bgblur.devices.pipewire import meeting, offer
from bgblur.errors import OutputError
from bgblur.frame import Image
from bgblur.sinks import pipewire

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="PipeWire is Linux's")


@pytest.mark.parametrize("before", [True, False], ids=["before the offer", "after it"])
def test_a_holder_that_is_busy_is_heard_though_it_closes_at_once(
    before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel reports the closed connection first."""
    name = f"busy{os.getpid()}{before}"
    send = socket.send_fds
    with taken(name) as listener:

        def refuse() -> None:
            connection, _ = listener.accept()
            connection.send(json.dumps({"busy": 7}).encode())
            connection.close()

        def late_card(*args: Any) -> Image:
            refuse()
            return card(*args)

        def early_send(*args: Any) -> int:
            sent = send(*args)
            refuse()
            return sent

        if before:
            monkeypatch.setattr(pipewire, "card", late_card)
        else:
            monkeypatch.setattr(socket, "send_fds", early_send)
        monkeypatch.setattr(pipewire, "LABEL", name)
        monkeypatch.setattr(pipewire, "_ANSWERS_WITHIN", 0.0)
        with pytest.raises(OutputError, match=r"another bgblur \(process 7\)"):
            pipewire._attached((320, 240), 30)


def test_another_users_program_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root's alone could be there."""
    me, folder = os.getuid(), next(meeting._candidates())
    name = f"theirs{os.getpid()}"
    monkeypatch.setattr(pipewire, "LABEL", name)
    with taken(name) as listener:
        monkeypatch.setattr(os, "getuid", lambda: me + 1)
        monkeypatch.setattr(meeting, "_folder", lambda: os.open(folder, os.O_RDONLY))
        with pytest.raises(OutputError, match=rf"another user's .* \(process {os.getpid()}\)"):
            pipewire._attached((320, 240), 30)
        connection, _ = listener.accept()
        with connection:
            assert connection.recv(100) == b""


def test_on_windows_it_is_said_that_there_is_no_pipewire() -> None:
    code = (
        "import socket; del socket.AF_UNIX\n"
        "from bgblur.pipeline.build import open_sink\n"
        "open_sink('pipewire', 320, 240, 30, None)"
    )
    env = {**os.environ, "XDG_RUNTIME_DIR": "/nowhere", "PIPEWIRE_REMOTE": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )
    assert "OutputError: PipeWire does not run here" in done.stderr


class FakeStream:
    """Without PipeWire: what it does is done by the test."""

    state, starts = pw.PAUSED, 0
    problem = None

    def __init__(self, *arguments: Any) -> None:
        self.process: Callable[[], None] = arguments[5]
        self.changed = Always()
        self.given = 0

    def locked(self) -> Always:
        return Always()

    def trigger(self) -> None:
        self.process()

    def take(self) -> None:
        self.given += 1  # a buffer was asked for; there is none


class Always:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def wait_for(self, *_: object) -> None: ...


def test_a_new_program_gets_no_picture_of_the_time_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(offer, "Stream", FakeStream)
    node = offer.CameraNode("bgblur", (32, 16), 30)
    stream: Any = node._stream
    picture = memoryview(bytes(32 * 24))

    def starts() -> None:
        stream.process()  # PipeWire may ask at the start, and before it says so
        stream.state, stream.starts = pw.STREAMING, stream.starts + 1
        stream.process()

    node.show(picture)
    starts()
    assert stream.given == 0
    node.show(picture)
    stream.process()
    assert stream.given == 2
    stream.state = pw.PAUSED
    starts()
    assert stream.given == 2
    node.show(picture)
    assert stream.given == 3
