"""Which user of this machine a local connection comes from."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))  # proc_net_tcp, the kernel's document
_LOCAL, _REMOTE, _USER = 1, 2, 7  # columns

Address = tuple[str, int]  # IPv4 and port


def is_ours(client: Address, server: Address) -> bool:
    """Whether the program at ``client`` is this process's user's, as far as the system tells.

    Where root started bgblur, it did so for somebody else, who may look.
    """
    user = os.geteuid() if sys.platform.startswith("linux") else 0
    if not user:
        return True
    asking = user_of(client, server)
    if asking is None:
        return user_of(server, client) is None  # it tells of neither
    return asking == user


def user_of(own: Address, other: Address) -> int | None:
    """The number of the user who has the socket ``own``, connected to ``other``."""
    locals_, remotes = _spelled(own), _spelled(other)
    for table in _TABLES:
        try:
            rows = table.read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            columns = row.split()
            if columns[_LOCAL] in locals_ and columns[_REMOTE] in remotes:
                return int(columns[_USER])
    return None


def _spelled(address: Address) -> tuple[str, str]:
    """As the tables have it: IPv4, and the same as IPv6, which a program may use as well."""
    host, port = address
    four = f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"
    mapped = int.from_bytes(b"\0\0\xff\xff", sys.byteorder)
    return four, f"{'0' * 16}{mapped:08X}{four}"
