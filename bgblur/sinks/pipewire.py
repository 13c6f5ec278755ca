"""A camera that PipeWire offers to its programs: no kernel module, no root."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from itertools import cycle
from pathlib import Path

import numpy as np

import bgblur
from bgblur.compositing.card import card
from bgblur.devices.listing import LABEL
from bgblur.devices.pipewire import library as pw
from bgblur.devices.pipewire.held import END, MESSAGE_BYTES, SLOTS, Offer, Shared
from bgblur.devices.pipewire.meeting import connected, peer_of
from bgblur.errors import OutputError
from bgblur.frame import Image
from bgblur.imaging.color import to_i420
from bgblur.sinks import PixelFormat, Resizing

ALONE, WATCHED = 60.0, 600.0  # seconds that the camera stays without a daemon, see ``Holder``
_ANSWERS_WITHIN, _CLOSES_WITHIN = 8.0, 2.0  # seconds
_ENDED_CARD = "bgblur has ended"
_RESTART = "`systemctl --user restart pipewire wireplumber`"


class PipeWireSink:
    """``--output pipewire``: a node "bgblur" of class Video/Source and role Camera.

    A process of its own holds the node (``bgblur.devices.pipewire.holder``): programs keep it while
    the daemon starts again, and see the card. ``width`` and ``height`` must be even. ``size`` may
    differ from them: it stays while a program takes the pictures, which would lose a node that is
    offered again. ``clients`` is 1 while a program takes the pictures, else 0. Raises OutputError
    in one line.
    """

    pixel_format: PixelFormat = "i420"
    resizing: Resizing = "reopen"
    name = "PipeWire camera bgblur"

    def __init__(self, width: int, height: int, fps: float) -> None:
        if problem := pw.trouble():
            raise OutputError(problem)
        self._holder: socket.socket | None = None
        try:
            self._holder, self._shared = _attached((width, height), fps)
        except OSError as error:
            raise OutputError(
                f"PipeWire does not take the camera ({error.strerror or error}): {_RESTART}"
            ) from error
        self.size = width, height = self._shared.size
        shape = height * 3 // 2, width
        slots = [np.frombuffer(self._shared.slot(i), np.uint8).reshape(shape) for i in range(SLOTS)]
        self._slots = cycle(enumerate(slots))

    @property
    def clients(self) -> int:
        return int(self._holder is not None and self._shared.watched)

    def publish(self, picture: Image) -> None:
        if self._holder is None:
            raise OutputError("the PipeWire camera is closed")
        try:
            self._check(self._holder)
            self.resizing = "never" if self.clients else "reopen"
            if self.clients:
                number, slot = next(self._slots)
                slot[:] = picture
                self._holder.send(bytes([number]))
        except BlockingIOError:
            raise _ended("it does not answer") from None
        except OSError as error:
            raise _ended(error.strerror or str(error)) from error

    def close(self) -> None:
        holder, self._holder = self._holder, None
        if holder is None:
            return
        holder.settimeout(_CLOSES_WITHIN)
        with holder, contextlib.suppress(OSError):
            holder.send(END)
            while holder.recv(MESSAGE_BYTES):  # until the node has gone, if it goes
                pass

    def _check(self, holder: socket.socket) -> None:
        """Raises OSError once the node has gone."""
        try:
            said = holder.recv(MESSAGE_BYTES)
        except BlockingIOError:
            return
        raise OSError(0, json.loads(said)["problem"] if said else "its process has ended")


def _ended(why: str) -> OutputError:
    return OutputError(
        f"the PipeWire camera has ended ({why}): it comes back with PipeWire, "
        "see `systemctl --user status pipewire`"
    )


def _attached(size: tuple[int, int], fps: float) -> tuple[socket.socket, Shared]:
    """A connection to the process that holds the node. Raises OSError, and OutputError where
    another daemon has it or there is no private place to meet."""
    until = time.monotonic() + _ANSWERS_WITHIN
    while True:
        with contextlib.ExitStack() as undo:
            try:
                holder = undo.enter_context(connected(LABEL, _ANSWERS_WITHIN))
                process, user = peer_of(holder)
                if user != os.getuid():
                    raise OutputError(
                        f"another user's program (process {process}) stands in the place of the "
                        "PipeWire camera: have it ended, or choose another output"
                    )
                shared = _offered(holder, size, fps)
            # None, one of another version, or one that is ending.
            except (ConnectionError, FileNotFoundError, EOFError):
                if time.monotonic() >= until:
                    raise OSError(0, "its process does not start") from None
            else:
                holder.setblocking(False)
                undo.pop_all()
                return holder, shared
        _start()


def _offered(holder: socket.socket, size: tuple[int, int], fps: float) -> Shared:
    """Memory that is shared, of ``size`` or of that which the node keeps. Raises OSError, EOFError
    and OutputError."""
    shared = Shared(size)
    try:
        np.frombuffer(shared.card, np.uint8)[:] = to_i420(card(*size, _ENDED_CARD)).ravel()
        with contextlib.suppress(ConnectionError):  # it may have said why, and closed
            socket.send_fds(holder, [Offer(size, fps).as_message()], [shared.descriptor])
    finally:
        shared.close()
    try:
        said = holder.recv(MESSAGE_BYTES)
    except ConnectionError:  # that it has closed is reported before what it said
        said = holder.recv(MESSAGE_BYTES)
    if not said:
        raise EOFError
    answer = json.loads(said)
    if "busy" in answer:
        raise OutputError(
            f"another bgblur (process {answer['busy']}) feeds the PipeWire camera: end it, or "
            "choose another output"
        )
    if "problem" in answer:
        raise OSError(0, answer["problem"])
    width, height = answer["size"]
    return shared if (width, height) == size else _offered(holder, (width, height), fps)


def _start() -> None:
    """Start the process, unless there is one. Raises OSError."""
    command = [sys.executable, "-m", "bgblur.devices.pipewire.holder"]
    try:
        subprocess.run(
            [*command, LABEL, str(ALONE), str(WATCHED)],
            cwd=Path(bgblur.__file__).parents[1],  # Python finds the same bgblur there
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_ANSWERS_WITHIN,
            check=True,
        )
    except subprocess.SubprocessError as error:
        raise OSError(0, "its process does not start") from error
