"""Reads the names, capabilities and formats of a V4L2 node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

_BIG_ENDIAN = 1 << 31


@dataclass(frozen=True)
class Steps:
    """The smallest size of a range, and its steps; pixels."""

    min_width: int
    min_height: int
    step_width: int
    step_height: int


@dataclass(frozen=True)
class Size:
    """A frame size in pixels with its rates; with ``steps`` the largest size of a range.

    ``rates`` are in frames a second, fastest first; with ``any_rate`` they are the limits of a
    range.
    """

    width: int
    height: int
    rates: list[float] = field(default_factory=list)
    any_rate: bool = False
    steps: Steps | None = None


@dataclass(frozen=True)
class Format:
    """``fourcc`` is the code that ``camera.fourcc`` takes; empty if unknown."""

    fourcc: str
    description: str
    sizes: list[Size]


@dataclass(frozen=True)
class Node:
    """A ``/dev/videoN`` that could be opened. All nodes of one camera have the same ``bus``."""

    name: str
    driver: str
    bus: str
    captures: bool
    outputs: bool
    formats: list[Format]


def read_node(path: Path) -> Node:
    """Raises OSError if it cannot be opened or is not a V4L2 device."""
    from linuxpy.video.device import Capability, read_capabilities

    with path.open("r+b", buffering=0) as node:
        info = read_capabilities(node)
        able = Capability(info.device_caps)
        single = Capability.VIDEO_CAPTURE in able
        captures = single or Capability.VIDEO_CAPTURE_MPLANE in able
        outputs = bool(able & (Capability.VIDEO_OUTPUT | Capability.VIDEO_OUTPUT_MPLANE))
        return Node(
            name=_text(info.card),
            driver=_text(info.driver),
            bus=_text(info.bus_info),
            captures=captures,
            outputs=outputs,
            formats=list(_formats(node, single)) if captures else [],
        )


def read_names(path: Path) -> tuple[str, str]:
    """(name, driver) of a node. Faster than ``read_node``: enumerating formats takes longer than
    opening the camera. Raises OSError like ``read_node``."""
    from linuxpy.video.device import read_capabilities

    with path.open("r+b", buffering=0) as node:
        info = read_capabilities(node)
        return _text(info.card), _text(info.driver)


def read_rates(path: Path, fourccs: Iterable[str], width: int, height: int) -> dict[str, float]:
    """The fastest rate, in frames a second, of each format that has the size in pixels.

    Formats whose rates the driver does not report are left out. Raises OSError like ``read_node``.
    """
    from linuxpy.video.device import IOC, iter_read, raw

    fastest = {}
    with path.open("r+b", buffering=0) as node:
        for fourcc in fourccs:
            wanted = raw.v4l2_frmivalenum()
            wanted.pixel_format = int.from_bytes(fourcc.encode("ascii"), "little")
            wanted.width, wanted.height = width, height
            rates, _ = rates_of(iter_read(node, IOC.ENUM_FRAMEINTERVALS, wanted))
            if rates:
                fastest[fourcc] = rates[0]
    return fastest


def _formats(node: IO[bytes], single_plane: bool) -> Iterator[Format]:
    from linuxpy.video.device import IOC, BufferType, iter_read, raw

    wanted = raw.v4l2_fmtdesc()
    wanted.type = BufferType.VIDEO_CAPTURE if single_plane else BufferType.VIDEO_CAPTURE_MPLANE
    for found in iter_read(node, IOC.ENUM_FMT, wanted):
        code = found.pixelformat
        sizes = raw.v4l2_frmsizeenum()
        sizes.pixel_format = code
        yield Format(
            fourcc=fourcc_of(code),
            description=_text(found.description),
            sizes=[_size(node, entry) for entry in iter_read(node, IOC.ENUM_FRAMESIZES, sizes)],
        )


def fourcc_of(code: int) -> str:
    """The four letters of V4L2's 32-bit code; its highest bit marks big-endian formats."""
    letters = (code & ~_BIG_ENDIAN).to_bytes(4, "little").decode("ascii", "replace").strip()
    return f"{letters}-BE" if code & _BIG_ENDIAN else letters


def _size(node: IO[bytes], entry: Any) -> Size:
    from linuxpy.video.device import IOC, FrameSizeType, iter_read, raw

    steps = None
    if entry.type == FrameSizeType.DISCRETE:
        width, height = entry.discrete.width, entry.discrete.height
    else:
        span = entry.stepwise
        width, height = span.max_width, span.max_height
        steps = Steps(span.min_width, span.min_height, span.step_width, span.step_height)
    wanted = raw.v4l2_frmivalenum()
    wanted.pixel_format, wanted.width, wanted.height = entry.pixel_format, width, height
    rates, any_rate = rates_of(iter_read(node, IOC.ENUM_FRAMEINTERVALS, wanted))
    return Size(width, height, rates, any_rate, steps)


def rates_of(intervals: Iterable[Any]) -> tuple[list[float], bool]:
    """The rates of ``v4l2_frmivalenum`` entries, fastest first, and whether they limit a range.

    Intervals are in seconds a frame: the shortest is the fastest rate.
    """
    from linuxpy.video.device import FrameIntervalType

    rates: set[float] = set()
    any_rate = False
    for entry in intervals:
        if entry.type == FrameIntervalType.DISCRETE:
            ends = [entry.discrete]
        else:
            any_rate = True
            ends = [entry.stepwise.min, entry.stepwise.max]
        rates.update(round(i.denominator / i.numerator, 3) for i in ends if i.numerator)
    return sorted(rates, reverse=True), any_rate


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace").strip()
