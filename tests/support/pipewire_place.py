"""The place where a daemon and the holder of the PipeWire camera meet, taken by a test."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from bgblur.devices.pipewire import meeting


@contextmanager
def taken(name: str) -> Iterator[socket.socket]:
    """The place of the holder of ``name``."""
    listener = meeting.listening(name)
    assert listener is not None
    try:
        yield listener.socket
    finally:
        listener.close()
