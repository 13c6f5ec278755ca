"""Gives the tracks of an .mp4 file other edit lists, as editors on phones do."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

Edit = tuple[int, int]
"""Milliseconds that are shown, and the media time where they begin, in the track's own ticks."""


def edit(path: Path, edits: dict[bytes, list[Edit]]) -> None:
    """Rewrite ``path``, whose index is at its end. ``edits`` is by handler: ``vide``, ``soun``."""
    data = path.read_bytes()
    whole = bytearray()
    for kind, box in _boxes(data):
        whole += _box(kind, _moov(box, edits)) if kind == b"moov" else _box(kind, box)
    path.write_bytes(whole)


def _moov(data: bytes, edits: dict[bytes, list[Edit]]) -> bytes:
    whole = bytearray()
    for kind, box in _boxes(data):
        handler = next((h for h in edits if b"hdlr" + bytes(4) + b"mhlr" + h in box), None)
        handler = handler or next((h for h in edits if b"hdlr" + bytes(8) + h in box), None)
        if kind != b"trak" or handler is None:
            whole += _box(kind, box)
            continue
        track = bytearray()
        for name, part in _boxes(box):
            if name != b"edts":
                track += _box(name, part)
            if name == b"tkhd":
                track += _box(b"edts", _box(b"elst", _elst(edits[handler])))
        whole += _box(b"trak", bytes(track))
    return bytes(whole)


def _elst(edits: list[Edit]) -> bytes:
    entries = b"".join(struct.pack(">IiI", shown, at, 0x10000) for shown, at in edits)
    return struct.pack(">II", 0, len(edits)) + entries


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + size]
        at += size


def _box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data) + 8, kind) + data
