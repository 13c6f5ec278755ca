"""Outputs that look for the watermark, and break in every known way."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import ClassVar

import cv2

from bgblur.errors import OutputError
from bgblur.frame import Image
from bgblur.sinks import PixelFormat, Resizing
from support.faults.switch import Switch
from support.faults.tally import TALLY
from support.faults.watermark import LEAK, watermark_seen


class Output:
    """The device behind a sink or preview: looks for the watermark in every picture.

    ``may_be_raw`` is the user's choice. When it changes, one picture that is already on its way may
    still arrive, within a moment.
    """

    RAISES: ClassVar[dict[str, Callable[[], Exception]]] = {
        "gone": lambda: OutputError("the output is gone"),
        "write error": lambda: OSError(28, "No space left on device"),
    }
    FAULTS = (*RAISES, "hangs", "slow", "refuses to close")

    def __init__(self, pixel_format: PixelFormat = "bgr", resizing: Resizing = "reopen") -> None:
        self.pixel_format, self.resizing = pixel_format, resizing
        self.switch = Switch(self.RAISES)
        self.handles: list[OpenOutput] = []
        self.times: deque[float] = deque(maxlen=2000)
        self.opened = 0
        self.may_be_raw = False
        self._forbidden = 0.0
        self._grace: float | None = None  # until when, by ``clock``
        self.clock: Callable[[], float] = time.monotonic  # of what is on its way
        self.wrong: list[str] = []

    def open(self, width: int, height: int, fps: float) -> OpenOutput:
        self.switch.strike()
        self.opened += 1
        handle = OpenOutput(self, width, height)
        self.handles = [old for old in self.handles if not old.closed] + [handle]
        return handle

    def open_preview(self) -> OpenOutput:
        return self.open(0, 0, 30.0)

    def forbid_raw(self) -> None:
        self._forbidden = time.monotonic()
        self._grace, self.may_be_raw = self.clock() + 0.2, False

    def look_at(self, picture: Image, size: tuple[int, int]) -> None:
        width, height = size
        TALLY.frames += 1
        arrived, at = time.monotonic(), self.clock()  # looking takes time
        self.times.append(arrived)
        if self.pixel_format == "i420":
            if picture.shape != (height * 3 // 2, width):
                self.wrong.append(f"{picture.shape} instead of I420 of {width}x{height}")
                return
            picture = cv2.cvtColor(picture, cv2.COLOR_YUV2BGR_I420)
        elif size != (0, 0) and picture.shape != (height, width, 3):
            self.wrong.append(f"{picture.shape} instead of {width}x{height}")
        seen = watermark_seen(picture)
        if seen < LEAK:
            return
        if self.may_be_raw or (self._grace is not None and at < self._grace):
            TALLY.raw_by_choice += 1
            self._grace = None
        else:
            TALLY.leaks += 1
            since = arrived - self._forbidden
            self.wrong.append(f"{seen:.2f} of the watermark shows, {since:.2f} s after the choice")
            print(self.wrong[-1])  # where an error at the end hides it


class OpenOutput:
    name = "watermark detector"

    def __init__(self, output: Output, width: int, height: int) -> None:
        self._output = output
        self._size = width, height
        self.pixel_format = output.pixel_format
        self.resizing = output.resizing
        self.closed = False

    def publish(self, picture: Image) -> None:
        if self.closed:
            self._output.wrong.append("a picture after the close")
        self._output.look_at(picture, self._size)
        self._output.switch.strike()
        if self._output.switch.fault == "slow":
            time.sleep(0.15)

    def close(self) -> None:
        self.closed = True
        if self._output.switch.fault == "refuses to close":
            raise OSError(5, "Input/output error")
