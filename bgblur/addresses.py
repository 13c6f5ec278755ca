"""Addresses of cameras on the network, and how to show them: a user name, a password or a token
in one is a secret, and a path may be."""

from __future__ import annotations

import re

_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]+"
_PARTS = re.compile(rf"\s*({_SCHEME}):/+([^/?#\s]*)(.*)", re.DOTALL)
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::[0-9]+)?")
# With one slash too, as people mistype it. Up to the last @ of the line: a password may hold
# anything, quotes and spaces too.
_IN_TEXT = re.compile(rf"\b(?:{_SCHEME}://|(?:rtsps?|https?):/)/*(?:.*@)?[^\s\"'<>]*")
_BARE = re.compile(r"[^\s\"':]+:[^\s\"'@]+@")  # user:password@ without a scheme
_HARMLESS = ("http", "https", "file")  # in text: pages to read, files


def is_address(device: str) -> bool:
    """Whether ``device`` is an address, of any kind.

    >>> is_address("rtsp://192.168.1.20/stream"), is_address("/dev/video0")
    (True, False)
    """
    return re.match(rf"\s*{_SCHEME}://", device) is not None


def scheme_of(address: str) -> str:
    return address.strip().partition(":")[0].lower()


def shown(device: str) -> str:
    """``device``, which may be an address, as people may see it: of an address the host alone.

    >>> shown("rtsp://me:secret@192.168.1.20:8554/live?token=1234")
    'rtsp://192.168.1.20:8554/...'
    >>> shown("HD Pro Webcam")
    'HD Pro Webcam'
    """
    return _host_of(device) if is_address(device) else without_secrets(device)


def without_secrets(text: str) -> str:
    """``text`` of any kind, with the addresses in it shown as by ``shown``. Web addresses that
    have neither an @ nor a query stay: messages name pages to read.

    >>> without_secrets("cannot open http://me:secret@camera/a: see https://example.org/help")
    'cannot open http://camera/...: see https://example.org/help'
    """
    return _BARE.sub("...@", _IN_TEXT.sub(_hidden, text))


def _hidden(found: re.Match[str]) -> str:
    address = found[0].rstrip(":,;)]")  # a message goes on after them
    if scheme_of(address) in _HARMLESS and not {"@", "?"} & set(address):
        return found[0]
    return _host_of(address) + found[0][len(address) :]


def _host_of(address: str) -> str:
    parts = _PARTS.fullmatch(address)
    if parts is None:
        return "..."
    scheme, authority, rest = parts[1].lower(), parts[2], parts[3]
    host = authority.rpartition("@")[2]
    # An @ further on: a password with a slash in it may have been taken for the host.
    if "@" in rest or not _HOST.fullmatch(host):
        return f"{scheme}://..."
    return f"{scheme}://{host}" + ("/..." if rest.strip().strip("/") else "")
