"""Where a daemon and the holder of its camera node meet: a socket file in a folder that belongs to
this user alone. No other user can reach it, nor take its place.

PipeWire is Linux's, and so are the calls here.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from platformdirs import user_state_path

from bgblur.devices.pipewire.library import socket_path
from bgblur.errors import OutputError

# Windows has no such sockets, nor PipeWire, which is what must be said there.
_SOCKET = (socket.AF_UNIX, socket.SOCK_SEQPACKET) if hasattr(socket, "AF_UNIX") else (-1, -1)


class Listener:
    """The place of the holder of a node ``name``, taken. ``listening`` makes one."""

    def __init__(self, listening: socket.socket, folder: int, lock: int, file: str) -> None:
        self.socket = listening
        self._folder, self._lock, self._file = folder, lock, file

    def close(self) -> None:
        """Leave the place: who comes now finds nobody, and may take it."""
        with contextlib.suppress(OSError):
            os.unlink(self._file, dir_fd=self._folder)
        self.socket.close()
        os.close(self._lock)
        os.close(self._folder)


def listening(name: str) -> Listener | None:
    """Take the place of the one holder that may offer a node ``name`` in this PipeWire. None where
    a living process has it; what a killed one has left is put aside. Raises OSError, and
    OutputError where no folder is private."""
    import fcntl

    file = _file(name)
    with contextlib.ExitStack() as undo:
        folder = _folder()
        undo.callback(os.close, folder)
        # The kernel takes the lock back however its process ends. A fork keeps it.
        lock = os.open(f"{file}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600, dir_fd=folder)
        undo.callback(os.close, lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        with contextlib.suppress(FileNotFoundError):
            os.unlink(file, dir_fd=folder)
        made = undo.enter_context(socket.socket(*_SOCKET))
        made.bind(_short(folder, file))
        made.listen()
        undo.pop_all()
        return Listener(made, folder, lock, file)


def connected(name: str, timeout: float) -> socket.socket:
    """To the holder of the node ``name``; ``timeout`` in seconds is the socket's from then on.
    Raises OSError: FileNotFoundError or ConnectionError where there is none. Raises OutputError
    where no folder is private."""
    folder = _folder()
    try:
        with contextlib.ExitStack() as undo:
            made = undo.enter_context(socket.socket(*_SOCKET))
            made.settimeout(timeout)
            made.connect(_short(folder, _file(name)))
            undo.pop_all()
            return made
    finally:
        os.close(folder)


def peer_of(connection: socket.socket) -> tuple[int, int]:
    """Process and user at the other end, as the kernel says: of a listener, the process that began
    to listen."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    process, user, _ = struct.unpack("3i", credentials)
    return process, user


# ------------------------------------------------------------ how


def _file(name: str) -> str:
    """One for each PipeWire."""
    where = zlib.crc32(os.fsencode(os.path.realpath(socket_path() or "")))
    return f"pipewire-{where:08x}-{name[:64]}"


def _short(folder: int, file: str) -> str:
    """A socket's path has 107 characters at most, which a home folder may exceed."""
    return f"/proc/self/fd/{folder}/{file}"


def _folder() -> int:
    """The first folder that is private, open. Raises OutputError where there is none."""
    problems = []
    for path in _candidates():
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            problems.append(f"{path}: {error.strerror}")
            continue
        found = os.fstat(folder)
        if found.st_uid == os.getuid():
            if stat.S_IMODE(found.st_mode) != 0o700:
                os.fchmod(folder, 0o700)
            return folder
        os.close(folder)
        problems.append(f"{path} belongs to another user")
    raise OutputError(
        f"the PipeWire camera has no private folder for its socket ({'; '.join(problems)}): "
        "set XDG_RUNTIME_DIR to a folder that is yours alone"
    )


def _candidates() -> Iterator[Path]:
    """The session's own folder first, then that of the status files."""
    session = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    if session.is_absolute() and session.is_dir():
        yield session / "bgblur"
    yield user_state_path("bgblur", appauthor=False) / "run"
