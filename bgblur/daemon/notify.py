"""Reports to the service manager that started the daemon, in the protocol of sd_notify(3).

No library: ``sdnotify`` has had no release since 2017, the bindings of systemd need a compiler, and
none of them can hold back the watchdog's signal.
"""

from __future__ import annotations

import math
import os
import socket
import time

FLOWING_WITHIN = 5.0  # seconds after a picture for which the stream counts as alive


class Notifier:
    """Does nothing unless the environment names a service manager.

    Make it in the process that systemd started (``NotifyAccess=main``). For one thread only.
    """

    def __init__(self) -> None:
        self._address = _address(os.environ.get("NOTIFY_SOCKET", ""))
        self._signal_every = _watchdog_seconds() / 2  # what sd_watchdog_enabled(3) recommends
        self._published = 0
        self._flowed = self._next_signal = -math.inf
        self._said: str | None = None

    @property
    def enabled(self) -> bool:
        """Whether a service manager started the daemon."""
        return self._address is not None

    def tick(self, published: int, state: str) -> None:
        """Report what changed. Call it a few times a second.

        ``published`` is the number of pictures sent to the output so far, ``state`` what the
        daemon does, in words. The first picture makes the daemon ready. The watchdog gets its
        signal only while the number grows. A card counts, since the daemon works then; but if the
        thread that publishes hangs, systemd restarts the daemon.
        """
        if self._address is None:
            return
        now = time.monotonic()
        lines = []
        if published != self._published:
            if self._published == 0:
                lines.append("READY=1")
            self._flowed = now
        if state != self._said:
            lines.append(_status(state))
        pet = (
            self._signal_every > 0
            and now >= self._next_signal
            and now - self._flowed < FLOWING_WITHIN
        )
        if pet:
            lines.append("WATCHDOG=1")
        if lines and not self._send(lines):
            return  # all of it is sent again at the next tick
        self._published, self._said = published, state
        if pet:
            self._next_signal = now + self._signal_every

    def stopping(self, reason: str | None = None) -> None:
        """The daemon is about to end; ``reason`` says why if something went wrong."""
        lines = ["STOPPING=1"]
        if reason is not None:
            lines.append(_status(reason))
        self._send(lines)

    def _send(self, lines: list[str]) -> bool:
        """Returns False if the manager is gone or too busy: the stream goes on."""
        if self._address is None:
            return True
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
                notify.setblocking(False)
                notify.sendto("\n".join(lines).encode(errors="replace"), self._address)
        except OSError:
            return False
        return True


def _status(text: str) -> str:
    return "STATUS=" + " ".join(text.split())


def _address(name: str) -> str | None:
    """A path, or an abstract socket (``@``), whose name begins with a zero byte; else None."""
    if name.startswith("@"):
        return "\0" + name[1:]
    return name if name.startswith("/") else None


def _watchdog_seconds() -> float:
    """The seconds of silence after which systemd ends this process; 0 for never."""
    meant_for = os.environ.get("WATCHDOG_PID")
    if meant_for is not None and meant_for != str(os.getpid()):
        return 0.0
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isdecimal() else 0.0
