"""The service manager's end of the notify socket, see sd_notify(3)."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Self


class Listener:
    """Bound to a path, or to an abstract name that begins with ``@``; keeps its lines."""

    def __init__(self, name: str) -> None:
        self.heard: list[tuple[float, str]] = []  # when, line
        self.environment = {"NOTIFY_SOCKET": name}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)

    def listen(self, seconds: float, until: Callable[[], bool] = lambda: False) -> list[str]:
        """The lines received within ``seconds``, those among them that wait already; returns
        earlier once ``until`` is true."""
        first = len(self.heard)
        deadline = time.monotonic() + seconds
        while not until():
            left = deadline - time.monotonic()
            self._socket.settimeout(min(max(left, 0.0), 0.2))
            try:
                message = self._socket.recv(65536).decode()
            except (TimeoutError, BlockingIOError):
                if left <= 0:
                    break
                continue
            self.heard += [(time.monotonic(), line) for line in message.split("\n")]
        return [line for _, line in self.heard[first:]]

    def wait_for(self, line: str, seconds: float = 60.0) -> None:
        """Raises AssertionError unless ``line`` comes, or has come already."""
        self.listen(seconds, lambda: self.times(line) != [])
        assert self.times(line), f"no {line} in {[said for _, said in self.heard]}"

    def times(self, line: str) -> list[float]:
        return [when for when, said in self.heard if said == line]

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
