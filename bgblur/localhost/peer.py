"""Whether a local connection comes from a program of this process's own user."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))  # proc_net_tcp, the kernel's document
_LOCAL, _REMOTE, _STATE, _USER = 1, 2, 3, 7  # columns
_ESTABLISHED, _LISTENS = "01", "0A"

Address = tuple[str, int]  # IPv4 and port


def is_ours(client: Address, server: Address) -> bool:
    """Whether the program at ``client``, connected to our listener at ``server``, is this user's or
    root's, which may look anyway, as what forwards ports does. True where the system does not tell.

    Where root started bgblur, it did so for somebody else, who may look.
    """
    user = os.geteuid() if sys.platform.startswith("linux") else 0
    if not user:
        return True
    theirs, ours = _spelled(client), _spelled(server)
    tells = False
    for columns in _connections():
        local, remote, state = columns[_LOCAL], columns[_REMOTE], columns[_STATE]
        if local in theirs and remote in ours:
            # What is closed has no owner any more, and is listed as root's.
            return int(columns[_USER]) in ((user, 0) if state == _ESTABLISHED else (user,))
        tells = tells or (local in ours and state == _LISTENS)
    return not tells  # it is gone, and may have been anybody's


def _connections() -> Iterator[list[str]]:
    for table in _TABLES:
        try:
            rows = table.read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        yield from (row.split() for row in rows)


def _spelled(address: Address) -> tuple[str, str]:
    """As the tables have it: IPv4, and the same as IPv6, which a program may use as well."""
    host, port = address
    four = f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"
    mapped = int.from_bytes(b"\0\0\xff\xff", sys.byteorder)
    return four, f"{'0' * 16}{mapped:08X}{four}"
