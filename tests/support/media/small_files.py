"""Picture files written byte by byte, of kinds that Pillow and OpenCV do not write."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

from numpy.typing import NDArray


def write_png(path: Path, pixels: NDArray[Any], colour: int, **chunks: bytes) -> Path:
    """Big-endian ``pixels`` of 8 or 16 bits; ``colour`` is PNG's colour type, ``chunks`` the
    further ones before the pixels."""
    bits = 8 * pixels.dtype.itemsize
    rows = b"".join(b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes() for row in pixels)
    size = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], bits, colour, 0, 0, 0)
    parts = [("IHDR", size), *chunks.items(), ("IDAT", zlib.compress(rows)), ("IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(k.encode(), d) for k, d in parts))
    return path


def write_tiff(path: Path, pixels: NDArray[Any], extra: int) -> Path:
    """(H, W, 2 or 4) of 8 or 16 bits; ``extra`` is ExtraSamples: 1 associated alpha, 2 not, 0
    something else."""
    rows, columns, samples = pixels.shape
    data = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    bits = struct.pack(f"<{samples}H", *[8 * pixels.dtype.itemsize] * samples)
    gray = samples == 2
    entries = [
        (256, 3, 1, columns), (257, 3, 1, rows),
        (258, 3, samples, struct.unpack("<I", bits)[0] if gray else 8 + len(data)),
        (259, 3, 1, 1), (262, 3, 1, 1 if gray else 2), (273, 4, 1, 8), (277, 3, 1, samples),
        (278, 3, 1, rows), (279, 4, 1, len(data)), (338, 3, 1, extra),
    ]  # fmt: skip
    at = 8 + len(data) + len(bits)
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    directory = struct.pack("<H", len(entries)) + directory + struct.pack("<I", 0)
    path.write_bytes(b"II*\0" + struct.pack("<I", at) + data + bits + directory)
    return path


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
