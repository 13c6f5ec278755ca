"""Keeps a sink open: opens it again when it fails, or for another frame size.

The output's size is settled here: the canvas's, or the camera's where the canvas leaves it open.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from bgblur.errors import OutputError, one_line
from bgblur.imaging.canvas import Canvas
from bgblur.pipeline.state import Part, Problems
from bgblur.sinks import Recording, Sink, Sized

RETRY_FIRST, RETRY_LAST = 0.25, 2.0  # seconds before a failed sink is opened again

OpenSink = Callable[[int, int, float], Sink]


class FrameFormat(NamedTuple):
    """Frame size (width, height), even, and frames a second."""

    size: tuple[int, int]
    fps: float


class SinkKeeper:
    """``open``, ``ready``, ``works``, ``failed`` and ``close`` belong to the thread that feeds the
    sink, the rest to any.

    ``device`` is the output as the user named it. Where ``named`` is set, problems begin with it.

    Two formats settle the frame size: ``_target`` is what the canvas makes of ``_camera``, that of
    the camera's frames; ``_format`` is that of the sink. They differ while a driver refuses the
    target, because a watching program knows the size in force. Every opening asks for the target
    first, then for the format in force. Once nobody watches, a refused target is tried one more
    time.
    """

    def __init__(
        self,
        open_sink: OpenSink,
        problems: Problems,
        canvas: Canvas | None = None,
        device: str = "",
    ) -> None:
        self.device = device
        self.named = False
        self._quiet = False
        self._saying = threading.Lock()
        self.sink: Sink | None = None
        self.opening = 0  # the number of times that a sink was opened
        self.broken_off: OutputError | None = None  # why a recording cannot go on
        self._open_sink = open_sink
        self._problems = problems
        self._canvas = canvas or Canvas()
        self._camera = self._format = self._target = FrameFormat((0, 0), 30.0)
        self._tried_alone: FrameFormat | None = None  # the target last tried while nobody watched
        self._reopen = threading.Event()
        self._retry, self._retry_at = RETRY_FIRST, 0.0

    # ------------------------------------------------------------ what is open

    @property
    def size(self) -> tuple[int, int]:
        """Of the pictures that the sink takes, (width, height), even."""
        return self._format.size

    @property
    def name(self) -> str | None:
        """Of the open sink."""
        sink = self.sink
        return sink.name if sink is not None else None

    @property
    def records(self) -> bool:
        """Whether pictures are lost where the sink is not closed properly."""
        return isinstance(self.sink, Recording)

    @property
    def changing(self) -> bool:
        """Whether the sink is about to be opened again."""
        return self._reopen.is_set()

    @property
    def waits(self) -> bool:
        """Whether a failed sink waits for its next try, or a recording has broken off."""
        failed = self._reopen.is_set() and time.monotonic() < self._retry_at
        return failed or self.broken_off is not None

    # ------------------------------------------------------------ orders, from any thread

    def resize(self, width: int, height: int, fps: float) -> None:
        """Take the camera's frame size, if the canvas leaves it open and the sink can."""
        self._camera = FrameFormat((width, height), fps)
        self._aim()

    @property
    def canvas(self) -> Canvas:
        return self._canvas

    @canvas.setter
    def canvas(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._aim()

    def _aim(self) -> None:
        """Take the size that the canvas wants for the camera in force."""
        if self.opening == 0:  # the first opening will ask for it
            self._target = self._format = self._wanted()
            return
        target = self._wanted()
        sink = self.sink  # read once: its thread may give it up meanwhile
        resizing = sink.resizing if sink is not None else "reopen"
        if target.size == self.size or resizing == "never":
            self._target = self._format
        elif resizing == "reopen":  # by the feeding thread, never between two of its steps
            self._target = target
            self._reopen.set()
        else:
            self._target = self._format = target

    def nobody_watches(self) -> None:
        """Try a refused size one more time: a driver keeps the size that a watcher knows."""
        sink = self.sink
        if sink is not None and sink.resizing == "reopen":
            self._target = self._wanted()  # it may have been "never" while somebody watched
        target = self._target
        if target.size != self.size and target != self._tried_alone:
            self._tried_alone = target
            self._reopen.set()

    # ------------------------------------------------------------ by the feeding thread

    def open(self, width: int, height: int, fps: float) -> None:
        """Open the sink for the first time. Raises OutputError."""
        self._expect(FrameFormat((width, height), fps))
        self._open(self._target)

    def expect(self, size: tuple[int, int], fps: float) -> None:
        """Have ``ready`` open the sink for the first time."""
        self._expect(FrameFormat(size, fps))
        self._reopen.set()

    def ready(self) -> bool:
        """Open the sink again if that is due. Returns False while a failed sink waits for its next
        try, and for good once a recording has broken off. Raises what the opening raises."""
        if self.waits:
            return False
        if self._reopen.is_set():
            self._give_up_and_open()
        return True

    def works(self) -> None:
        """The sink has taken a picture, or its problems are of no use any more."""
        with self._saying:
            if not self._quiet:
                self._problems.clear(Part.OUTPUT, self.device)
        self._retry = RETRY_FIRST

    def failed(self, error: Exception) -> None:
        """Have ``ready`` open the sink again after a while. A recording is closed instead:
        its end is an error that the user must hear of."""
        if isinstance(self.sink, Recording):
            sink = self._given_up()
            _close_quietly(sink)  # the first reason is the one that helps
            self.not_completed(sink, error)
            return
        self.say(one_line(error))
        self._retry_at = time.monotonic() + self._retry
        self._retry = min(2 * self._retry, RETRY_LAST)
        self._reopen.set()

    def not_completed(self, sink: Sink | None, error: Exception) -> None:
        """Report that ``sink`` did not take its last picture or could not be closed."""
        self.say(one_line(error))
        if isinstance(sink, Recording) and self.broken_off is None:
            kept = "; what had been written is in it" if sink.kept else ""
            self.broken_off = OutputError(f"{one_line(error)}{kept}")

    def close(self, given_up: bool = False) -> None:
        """Close the sink for good. Never raises; one that is ``given_up`` for others has nothing to
        report, unless it is a recording, which must be completed."""
        try:
            if self.sink is not None:
                self.sink.close()
        except Exception as error:
            if self.records or not given_up:
                self.not_completed(self.sink, error)

    def say(self, problem: str) -> None:
        """Report ``problem``, one line; callable from any thread."""
        with self._saying:
            if not self._quiet:
                self._problems.set(Part.OUTPUT, self.line(problem), self.device)

    def line(self, problem: str) -> str:
        """``problem``, which says of which output it is where there are several."""
        file = self.device.replace("\\", "/").rpartition("/")[2]
        if self.named and file.lower() not in problem.lower():
            return f"{self.device}: {problem}"
        return problem

    def left_out(self) -> None:
        """The user wants the output no more: its problems are of no use then, but those of a
        recording, which must be completed. Callable from any thread."""
        with self._saying:
            self._problems.clear(Part.OUTPUT, self.device)
            self._quiet = not self.records

    # ------------------------------------------------------------ how

    def _expect(self, camera: FrameFormat) -> None:
        self._camera = camera
        self._target = self._format = self._wanted()

    def _wanted(self) -> FrameFormat:
        return FrameFormat(self._canvas.size(*self._camera.size), self._camera.fps)

    def _open(self, wanted: FrameFormat) -> None:
        sink = self._open_sink(*wanted.size, wanted.fps)
        size = sink.size if isinstance(sink, Sized) else wanted.size
        self._format = FrameFormat(size, wanted.fps)
        self.opening += 1
        self.sink = sink

    def _given_up(self) -> Sink | None:
        sink, self.sink = self.sink, None
        return sink

    def _give_up_and_open(self) -> None:
        self._reopen.clear()
        _close_quietly(self._given_up())
        target = self._target
        try:
            self._open(target)
        except OutputError:
            if target == self._format:
                raise
            self._open(self._format)  # a driver may refuse the size, not the device


def _close_quietly(sink: Sink | None) -> None:
    with contextlib.suppress(Exception):
        if sink is not None:
            sink.close()
