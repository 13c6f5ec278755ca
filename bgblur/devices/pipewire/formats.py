"""Video formats in PipeWire's own notation ("POD", spa/pod/pod.h): written and read.

A POD is its size and its type, both 32 bits, and a body that is padded to eight bytes.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

# spa/utils/type.h, spa/param/param.h, spa/param/format.h, spa/param/video/raw.h
_ID, _INT, _RECTANGLE, _FRACTION, _OBJECT, _CHOICE = 3, 4, 10, 11, 15, 19
_FORMAT_OBJECT, _BUFFERS_OBJECT = 0x40003, 0x40004
ENUM_FORMAT, FORMAT, BUFFERS = 3, 4, 5
_MEDIA_TYPE, _MEDIA_SUBTYPE = 1, 2
_VIDEO_FORMAT, _SIZE, _RATE, _RANGE, _MATRIX = 0x20001, 0x20003, 0x20004, 0x2000C, 0x2000D
_VIDEO, _RAW, _MJPG = 2, 1, 0x20002
_LIMITED_RANGE, _BT601 = 2, 4
_RANGE_OF, _ENUM_OF, _FLAGS_OF = 1, 3, 4  # enum spa_choice_type
_MEMORY_KINDS = 1 << 1 | 1 << 2  # SPA_DATA_MemPtr, SPA_DATA_MemFd

MJPG = "MJPG"
PIXELS = {
    "I420": 2, "YV12": 3, "YUY2": 4, "UYVY": 5, "RGBx": 7, "BGRx": 8, "RGBA": 11, "BGRA": 12,
    "RGB": 15, "BGR": 16, "YVYU": 19, "NV12": 23, "NV21": 24, "GRAY8": 25,
}  # fmt: skip
_NAMES = {number: name for name, number in PIXELS.items()}


@dataclass(frozen=True)
class VideoFormat:
    """What two ends have agreed on. ``pixels`` is a key of PIXELS, or "MJPG"; ``fps`` is 0 where
    the rate varies."""

    pixels: str
    width: int
    height: int
    fps: float


def offered(width: int, height: int, fps: float) -> bytes:
    """I420 in BT.601 and limited range at one size and rate, as an EnumFormat."""
    return _object(
        _FORMAT_OBJECT,
        ENUM_FORMAT,
        (_MEDIA_TYPE, _id(_VIDEO)),
        (_MEDIA_SUBTYPE, _id(_RAW)),
        (_VIDEO_FORMAT, _id(PIXELS["I420"])),
        (_SIZE, _pair(_RECTANGLE, width, height)),
        (_RATE, _pair(_FRACTION, *_fraction(fps))),
        (_RANGE, _id(_LIMITED_RANGE)),
        (_MATRIX, _id(_BT601)),
    )


def wanted(width: int, height: int, fps: float) -> list[bytes]:
    """What a camera is asked for, the best first: the size as raw pixels, then as MJPG, then the
    same at any size."""
    sizes = [
        _pair(_RECTANGLE, width, height),
        _choice(_RANGE_OF, _RECTANGLE, [(width, height), (1, 1), (8192, 8192)]),
    ]
    rate = _choice(_RANGE_OF, _FRACTION, [_fraction(fps), (0, 1), (1000, 1)])
    raw = [("I420",), *((name,) for name in PIXELS if name != "I420")]
    pixels = _choice(_ENUM_OF, _ID, [(PIXELS[name],) for (name,) in [raw[0], *raw]])
    kinds = [[(_MEDIA_SUBTYPE, _id(_RAW)), (_VIDEO_FORMAT, pixels)], [(_MEDIA_SUBTYPE, _id(_MJPG))]]
    return [
        _object(
            _FORMAT_OBJECT,
            ENUM_FORMAT,
            (_MEDIA_TYPE, _id(_VIDEO)),
            *kind,
            (_SIZE, size),
            (_RATE, rate),
        )
        for size in sizes
        for kind in kinds
    ]


def buffers(size: int | None = None, stride: int = 0) -> bytes:
    """The memory for the pictures: one block each, of ``size`` bytes, that a program can map."""
    own = [] if size is None else [(3, _int(size)), (4, _int(stride))]
    return _object(
        _BUFFERS_OBJECT,
        BUFFERS,
        (1, _choice(_RANGE_OF, _INT, [(8,), (2,), (32,)])),
        *([(2, _int(1)), *own] if own else []),
        (6, _choice(_FLAGS_OF, _INT, [(_MEMORY_KINDS,)])),
    )


def agreed(address: int | None) -> VideoFormat | None:
    """The format in the POD at ``address``; None if there is none, or another kind of it."""
    if not address:
        return None
    size, kind = struct.unpack("<II", ctypes.string_at(address, 8))
    if kind != _OBJECT or size < 8:
        return None
    return _read(ctypes.string_at(address + 8, size))


def _read(body: bytes) -> VideoFormat | None:
    found, at = {}, 8
    while at + 16 <= len(body):
        key, _, size, kind = struct.unpack_from("<IIII", body, at)
        value = body[at + 16 : at + 16 + size]
        if kind == _CHOICE:  # a fixed value may still be written as a choice: its first is meant
            _, _, size_of_one, _ = struct.unpack_from("<IIII", value)
            value = value[16 : 16 + size_of_one]
        found[key] = value
        at += 16 + -(-size // 8) * 8
    try:
        (subtype,) = struct.unpack_from("<I", found[_MEDIA_SUBTYPE])
        width, height = struct.unpack_from("<II", found[_SIZE])
        over, under = struct.unpack_from("<II", found.get(_RATE, b"\0" * 8))
        pixels = MJPG if subtype == _MJPG else _NAMES[struct.unpack("<I", found[_VIDEO_FORMAT])[0]]
    except (KeyError, struct.error):
        return None
    return VideoFormat(pixels, width, height, over / under if under else 0.0)


def _fraction(fps: float) -> tuple[int, int]:
    exact = Fraction(fps).limit_denominator(1001)
    return exact.numerator, exact.denominator


def _pod(kind: int, body: bytes) -> bytes:
    return struct.pack("<II", len(body), kind) + body + b"\0" * (-len(body) % 8)


def _id(value: int) -> bytes:
    return _pod(_ID, struct.pack("<I", value))


def _int(value: int) -> bytes:
    return _pod(_INT, struct.pack("<I", value))


def _pair(kind: int, first: int, second: int) -> bytes:
    return _pod(kind, struct.pack("<II", first, second))


def _choice(how: int, kind: int, values: Iterable[tuple[int, ...]]) -> bytes:
    """The first value is the preferred one."""
    packed = [struct.pack(f"<{len(value)}I", *value) for value in values]
    return _pod(_CHOICE, struct.pack("<IIII", how, 0, len(packed[0]), kind) + b"".join(packed))


def _object(kind: int, of: int, *members: tuple[int, bytes]) -> bytes:
    body = b"".join(struct.pack("<II", key, 0) + value for key, value in members)
    return _pod(_OBJECT, struct.pack("<II", kind, of) + body)
