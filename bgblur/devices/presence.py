"""Counts the programs that read the virtual camera (v4l2loopback 0.13 and newer).

The module queues the private event V4L2_EVENT_PRI_CLIENT_USAGE (v4l2loopback.c) when a program
starts or stops streaming from the device. Its payload is their number (0.15: 1 if there is any).
"""

from __future__ import annotations

import ctypes
import os
import select
import threading
import time
from collections.abc import Callable

from linuxpy.ioctl import ioctl
from linuxpy.video import raw

CLIENT_USAGE = 0x08000000 + 0x08E00000 + 1  # V4L2_EVENT_PRIVATE_START + the module's own offset
REREAD_EVERY = 30.0  # seconds; a killed client may cause no event


class ClientWatch:
    """Watches the device at ``path`` in its own thread, and calls ``changed`` there.

    ``clients`` is the number of programs that read; None until the driver reports it. Where the
    driver cannot report it, ``clients`` stays None and ``problem`` says why.
    """

    def __init__(self, path: str, changed: Callable[[], None]) -> None:
        self.clients: int | None = None
        self.problem: str | None = None
        self._path = path
        self._changed = changed
        self._stop_reader, self._stop_writer = os.pipe()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; safe to call twice."""
        if not self._stopping:
            self._stopping = True
            os.close(self._stop_writer)  # wakes the poll
            self._thread.join(1.0)
            os.close(self._stop_reader)

    def _run(self) -> None:
        while not self._stopping:
            try:
                # A new descriptor each time: the driver sends it the present state.
                descriptor = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
                try:
                    _subscribe(descriptor)
                    self.problem = None
                    self._follow(descriptor)
                finally:
                    os.close(descriptor)
            except OSError as error:
                self.problem = f"{self._path} does not report its readers ({error.strerror})"
                self._set(None)
                select.select([self._stop_reader], [], [], REREAD_EVERY)

    def _follow(self, descriptor: int) -> None:
        """Read events for REREAD_EVERY seconds. Raises OSError once the device is gone."""
        poll = select.poll()
        poll.register(descriptor, select.POLLPRI)
        poll.register(self._stop_reader, select.POLLIN)
        until = time.monotonic() + REREAD_EVERY
        while not self._stopping and (left := until - time.monotonic()) > 0:
            happened = dict(poll.poll(left * 1000)).get(descriptor, 0)
            if happened & select.POLLPRI:
                self._set(_next_count(descriptor))
            elif happened:  # POLLERR: the module was unloaded
                raise OSError(0, "the device is gone")

    def _set(self, clients: int | None) -> None:
        if clients != self.clients:
            self.clients = clients
            self._changed()


def _subscribe(descriptor: int) -> None:
    """Raises OSError where the driver does not know the event."""
    wanted = raw.v4l2_event_subscription()
    wanted.type = CLIENT_USAGE
    wanted.flags = raw.EventSubscriptionFlag.SEND_INITIAL
    ioctl(descriptor, raw.IOC.SUBSCRIBE_EVENT, wanted)


def _next_count(descriptor: int) -> int:
    event = raw.v4l2_event()
    ioctl(descriptor, raw.IOC.DQEVENT, event)
    return ctypes.c_uint32.from_buffer_copy(event.u).value
