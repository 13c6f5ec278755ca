"""Finds out which user's program is at the other end of a local connection."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

_TABLES = (
    Path("/proc/net/tcp"),
    Path("/proc/net/tcp6"),
)  # format: proc_net_tcp in the kernel's documentation
_LOCAL, _REMOTE, _STATE, _USER = 1, 2, 3, 7  # columns
_ESTABLISHED, _LISTENS = "01", "0A"

Address = tuple[str, int]  # IPv4 and port


def is_ours(client: Address, server: Address) -> bool:
    """Whether the program at ``client``, connected to our listener at ``server``, runs as this
    user or as root.

    Root is let in: it can read everything anyway, and programs that forward ports run as root.
    If bgblur itself runs as root it serves another user, so everybody is let in. True also where
    the system does not report the owner of a connection.
    """
    user = os.geteuid() if sys.platform.startswith("linux") else 0
    if not user:
        return True
    theirs, ours = _spelled(client), _spelled(server)
    listed = False
    for columns in _connections():
        local, remote, state = columns[_LOCAL], columns[_REMOTE], columns[_STATE]
        if local in theirs and remote in ours:
            # A closed connection has no owner any more and is listed as root's.
            return int(columns[_USER]) in ((user, 0) if state == _ESTABLISHED else (user,))
        listed = listed or (local in ours and state == _LISTENS)
    # The tables are readable but lack this connection: it is gone and may have been anybody's.
    return not listed


def _connections() -> Iterator[list[str]]:
    for table in _TABLES:
        try:
            rows = table.read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        yield from (row.split() for row in rows)


def _spelled(address: Address) -> tuple[str, str]:
    """The address as the tables spell it: as IPv4, and as IPv6 for programs that use that."""
    host, port = address
    four = f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"
    mapped = int.from_bytes(b"\0\0\xff\xff", sys.byteorder)
    return four, f"{'0' * 16}{mapped:08X}{four}"
