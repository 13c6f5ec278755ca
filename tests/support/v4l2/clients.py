"""Programs that watch a virtual camera, as meetings do."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType

from support.v4l2.guest import OUTPUT, Guest

_SHOWN = re.compile(r"pts:\s*(\d+) .*checksum:(\w+) .*mean:\[(\d+) (\d+) (\d+)\] stdev:\[([\d.]+)")


@dataclass(frozen=True)
class Seen:
    """A frame that arrived: the guest's wall clock in seconds, means of its planes, and the
    standard deviation of its luma."""

    at: float
    checksum: str
    luma: int
    cb: int
    cr: int
    contrast: float


class Watcher:
    """A context manager: ffmpeg reads a device within it."""

    def __init__(self, guest: Guest, device: str = OUTPUT) -> None:
        self._guest = guest
        self.process = guest.start(
            *("ffmpeg", "-hide_banner", "-nostats", "-f", "v4l2", "-ts", "abs", "-copyts"),
            *("-i", device, "-vf", "showinfo", "-fps_mode", "passthrough", "-f", "null", "-"),
        )

    def frames(self) -> list[Seen]:
        return [
            Seen(int(at) / 1e6, checksum, int(luma), int(cb), int(cr), float(contrast))
            for at, checksum, luma, cb, cr, contrast in _SHOWN.findall(self.process.err)
        ]

    def wait_for(
        self,
        what: str,
        shown: Callable[[Seen], bool],
        count: int = 1,
        after: float = 0.0,
        seconds: float = 60.0,
    ) -> Seen:
        """The ``count``-th frame after the time ``after`` for which ``shown`` is true."""

        def fitting() -> list[Seen]:
            return [frame for frame in self.frames() if frame.at > after and shown(frame)]

        self._guest.within(seconds, lambda: len(fitting()) >= count, what)
        return fitting()[count - 1]

    def __enter__(self) -> Watcher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.__exit__(kind, error, trace)


def is_red(frame: Seen) -> bool:
    """True for vivid's red, and for no other picture of the tests."""
    return frame.cr > 200


def is_blue(frame: Seen) -> bool:
    return frame.cb > 200


def is_card(frame: Seen) -> bool:
    """True for bgblur's card: dark, grey with a touch of blue, and almost empty."""
    grey = abs(frame.cr - 128) < 10 and abs(frame.cb - 128) < 10
    return grey and abs(frame.luma - 51) < 4 and frame.contrast < 15


def rate(frames: Sequence[Seen]) -> float:
    """Frames a second."""
    return (len(frames) - 1) / (frames[-1].at - frames[0].at)


def longest_gap(frames: Sequence[Seen]) -> float:
    """Seconds."""
    return max(later.at - earlier.at for earlier, later in pairwise(frames))
