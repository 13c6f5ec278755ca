"""The process that holds the camera node, so that programs keep it while the daemon starts again.

PipeWire's clients (GStreamer, Chromium) forbid to be linked again, and lose a node that ends for
good. A daemon that is killed takes nothing with it here: the node shows the card from then on.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import sys
import time
from collections.abc import Callable

from bgblur.devices.pipewire.held import END, MESSAGE_BYTES, AnotherVersionError, Shared, offer_in
from bgblur.devices.pipewire.meeting import Listener, listening, peer_of
from bgblur.devices.pipewire.offer import CameraNode

_CARD_EVERY = 0.1  # seconds; programs hide a camera that gives fewer than ten pictures a second


class Holder:
    """Offers a node ``name`` to programs, and feeds it with the pictures of one daemon at a time.

    Without a daemon it shows that daemon's card, never its last picture, and ends: after ``alone``
    seconds where no program takes the pictures, after ``watched`` seconds in any case. It ends at
    once with the last program, or where there is none, after a daemon that has closed in order.
    """

    def __init__(self, name: str, listener: Listener, alone: float, watched: float) -> None:
        self._name, self._listener = name, listener
        self._alone, self._watched = alone, watched
        self._daemon: socket.socket | None = None
        self._node: CameraNode | None = None
        self._shared: Shared | None = None
        self._away_since = time.monotonic()
        self._in_order = False  # whether the last daemon has closed in order
        self._ended = False
        self._woken, self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def run(self) -> None:
        """Until it is not needed any more."""
        while not self._ended:
            self._wait()
            if self._daemon is not None:
                self._listen_to(self._daemon)
            self._let_in()
            if self._node is not None and self._node.problem is not None:
                self._tell(problem=self._node.problem)
                self._ended = True
            elif self._daemon is None:
                self._without_daemon()
        self._listener.close()  # before the node: who comes now must start another
        if self._node is not None:
            self._node.close()
        if self._daemon is not None:
            self._daemon.close()

    # ------------------------------------------------------------ waiting

    def _wait(self) -> None:
        waiting: list[socket.socket | int] = [self._listener.socket, self._woken]
        if self._daemon is not None:
            waiting.append(self._daemon)
        select.select(waiting, [], [], self._patience())
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 64)

    def _patience(self) -> float | None:
        if self._daemon is not None:
            return None
        if self._is_watched():
            return _CARD_EVERY
        return max(0.0, self._away_since + min(self._alone, self._watched) - time.monotonic())

    def _changed(self) -> None:
        """Called by PipeWire's thread."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake, b"!")

    def _is_watched(self) -> bool:
        return self._node is not None and self._node.watched

    def _without_daemon(self) -> None:
        away, watched = time.monotonic() - self._away_since, self._is_watched()
        if away >= self._watched or (not watched and (self._in_order or away >= self._alone)):
            self._ended = True
        elif watched and self._node is not None and self._shared is not None:
            self._node.show(self._shared.card)

    # ------------------------------------------------------------ the daemon

    def _let_in(self) -> None:
        try:
            connection, _ = self._listener.socket.accept()
        except BlockingIOError:
            return
        if peer_of(connection)[1] != os.getuid():
            connection.close()
        elif self._daemon is None:
            connection.setblocking(False)
            self._daemon, self._in_order = connection, False
        else:
            busy = {"busy": peer_of(self._daemon)[0]}
            with contextlib.suppress(OSError):
                connection.send(json.dumps(busy).encode())
            connection.close()

    def _listen_to(self, daemon: socket.socket) -> None:
        """Do what it has asked for, and show the newest picture that it has announced."""
        newest: int | None = None
        while self._daemon is not None and not self._ended:
            try:
                message, descriptors, flags, _ = socket.recv_fds(daemon, MESSAGE_BYTES, 1)
            except BlockingIOError:
                if newest is None:
                    break
                self._try(self._show, newest)
                newest = None  # and look again: meanwhile it may have been written over
                continue
            except OSError:
                message, descriptors, flags = b"", [], 0
            whole = not flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC)  # it was not too long
            for extra in descriptors[1:]:
                os.close(extra)
            if descriptors:
                self._try(self._offered, message if whole else b"", descriptors[0])
            elif len(message) == 1 and whole:
                newest = message[0]
            elif message in (END, b""):
                self._in_order = message == END
                self._leave()
            else:
                self._refuse("it has sent what is no picture")
        if self._shared is not None:
            self._shared.watched = self._is_watched()

    def _try(self, what: Callable[..., None], *arguments: object) -> None:
        """A daemon that asks for what cannot be is told why and let go: the node stays."""
        try:
            what(*arguments)
        except (ValueError, IndexError, OSError) as error:
            self._refuse(str(error))

    def _refuse(self, why: str) -> None:
        self._tell(problem=why)
        self._leave()

    def _show(self, slot: int) -> None:
        if self._node is not None and self._shared is not None:
            self._node.show(self._shared.slot(slot))

    def _leave(self) -> None:
        self._away_since = time.monotonic()
        if self._in_order and not self._is_watched() and self._node is not None:
            self._node.close()  # before the daemon hears of it
            self._node = None
        if self._daemon is not None:
            self._daemon.close()
        self._daemon = None

    def _offered(self, message: bytes, descriptor: int) -> None:
        """A daemon has come, or wants another size: the node's own stays while it is watched."""
        try:
            size, fps = offer_in(message)
        except AnotherVersionError:
            os.close(descriptor)
            self._ended = True
            return
        except ValueError:
            os.close(descriptor)
            raise
        node, watched = self._node, self._is_watched()
        if node is not None and node.size != size and watched:
            os.close(descriptor)
            self._tell(size=node.size)
            return
        shared = Shared(size, descriptor)
        shared.close()
        if node is not None and not watched and (node.size, node.fps) != (size, fps):
            node.close()
            node = None
        try:
            self._node = node or CameraNode(self._name, size, fps, self._changed)
        except OSError as error:
            self._tell(problem=error.strerror or str(error))
            self._node, self._ended = None, True
            return
        shared.watched = self._is_watched()
        self._shared = shared
        self._tell(size=size)

    def _tell(self, **what: object) -> None:
        if self._daemon is not None:
            with contextlib.suppress(OSError):
                self._daemon.send(json.dumps(what).encode())


def main(name: str, alone: float, watched: float) -> None:
    """Be the holder in a process of its own, and return in this one once it listens. Where there
    is a holder, that one stays. Raises OSError where it cannot listen."""
    listener = listening(name)
    if listener is None:
        return
    listener.socket.setblocking(False)
    if os.fork():
        return
    os.setsid()  # the terminal's signals are not meant for it
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    Holder(name, listener, alone, watched).run()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))
