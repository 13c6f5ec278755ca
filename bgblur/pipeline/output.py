"""The sink and the preview beside it: fed, opened again when they fail, changed on the user's wish.

What they are fed with is decided in ``publisher``.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

import numpy as np

from bgblur.buffers import Buffers
from bgblur.compositing.card import card
from bgblur.errors import OutputError, one_line
from bgblur.frame import Image
from bgblur.imaging.color import even, from_i420, is_i420, to_i420
from bgblur.imaging.cover import cover
from bgblur.pipeline.state import Part, Problems
from bgblur.sinks import Recording, Sink, Sized
from bgblur.stats import Stats

RETRY_FIRST, RETRY_LAST = 0.25, 2.0  # back-off of a sink that is opened again, seconds
REPEAT_AFTER, REPEAT_UNTIL = 0.08, 3.0  # seconds since a picture in which it may be shown again
_SOON = 0.02  # seconds until the next look at a sink that is being used or changed

OpenSink = Callable[[int, int, float], Sink]
OpenPreview = Callable[[], Sink]


class Output:
    """``open``, ``ready``, ``feed``, ``failed`` and ``end`` belong to one thread, ``repeat`` to
    another, the rest to any.

    ``problems`` is shared with the pipeline.
    ``may_be_raw`` tells whether the user wants the room shown at this moment: a picture that shows
    it may have taken long to make, and is not to be seen once the choice has changed.
    """

    def __init__(
        self,
        open_sink: OpenSink,
        stats: Stats,
        problems: Problems,
        may_be_raw: Callable[[], bool],
    ) -> None:
        self.size = (0, 0)  # of the published pictures, (width, height), even
        self.closing = False  # the last picture is out, the sink has only to be closed
        self.broken_off: OutputError | None = None  # a recording, which cannot go on
        self._open_sink = open_sink
        self._stats = stats
        self._problems = problems
        self._may_be_raw = may_be_raw
        self._sink: Sink | None = None
        self._fps = 30.0
        self._wanted: tuple[tuple[int, int], float] | None = None  # size and rate to reopen with
        self._refused: tuple[tuple[int, int], float] | None = None  # those that are not had now
        self._tried_alone: tuple[tuple[int, int], float] | None = None  # while nobody watched
        self._reopen = threading.Event()
        self._retry, self._retry_at = RETRY_FIRST, 0.0
        self._preview: Sink | None = None
        self._new_preview: OpenPreview | None = None
        self._preview_changed = threading.Event()
        self._buffers = Buffers()
        self._converted: tuple[Image, Image] | None = None  # the newest picture and its I420
        self._sending = threading.Lock()  # held while the sink is used or changed
        self._sent: tuple[Image, bool, float] | None = None  # as the sink took it, if raw, when
        self._repeated = 0.0

    # ------------------------------------------------------------ orders

    def open(self, width: int, height: int, fps: float) -> None:
        """Raises OutputError."""
        size = _even_size(width, height)
        sink = self._open_sink(*size, fps)
        self.size, self._fps = sink.size if isinstance(sink, Sized) else size, fps
        self._sink = sink
        self._refused = None if self.size == size else (size, fps)

    def replace(self, open_sink: OpenSink) -> None:
        """Close the sink and open another."""
        self._open_sink = open_sink
        self._reopen.set()

    def replace_preview(self, open_preview: OpenPreview | None) -> None:
        """Open a second sink for BGR pictures beside the first, or close it with None."""
        self._new_preview = open_preview
        self._preview_changed.set()

    def resize(self, width: int, height: int, fps: float) -> None:
        """Take another frame size, where the sink can."""
        size = _even_size(width, height)
        resizing = self._sink.resizing if self._sink is not None else "reopen"
        if size == self.size or resizing == "never":
            self._wanted = self._refused = None
        elif resizing == "reopen":  # by the thread that feeds, never between two of its steps
            self._wanted = size, fps
            self._reopen.set()
        else:
            self.size, self._fps = size, fps

    def nobody_watches(self) -> None:
        """Try once more for a size that was refused: a driver keeps what a watcher knows."""
        if self._refused is not None and self._refused != self._tried_alone:
            self._wanted = self._tried_alone = self._refused
            self._reopen.set()

    @property
    def records(self) -> bool:
        """Whether what was shown is lost where the sink is not closed in peace."""
        return isinstance(self._sink, Recording)

    @property
    def name(self) -> str:
        return self._sink.name if self._sink is not None else "nowhere"

    # ------------------------------------------------------------ the regular case

    def ready(self) -> bool:
        """Do what was ordered since the last picture. False while a lost sink is waited for;
        raises where it cannot be had."""
        if self.broken_off is not None:
            return False
        if self._preview_changed.is_set():
            self._change_preview()
        if self._reopen.is_set():
            if time.monotonic() < self._retry_at:
                return False
            self._reopen_sink()
        return True

    def feed(self, picture: Image, raw: bool) -> bool:
        """To the sink, at its size and in its format; ``raw`` says that it shows the room. False
        where it may not, any more; raises what the sink does. ``picture`` is BGR or I420."""
        if self._sink is None:
            return True
        if is_i420(picture) and self._takes_as_it_is(picture):
            return self._feed(picture, picture, raw)
        width, height = self.size
        with self._stats.stage("colour"):
            picture = even(from_i420(picture) if is_i420(picture) else picture)
            if picture.shape[:2] != (height, width):  # the camera came back with another size
                picture = cover(picture, width, height)
            converted = self._i420(picture) if self._sink.pixel_format == "i420" else picture
        return self._feed(picture, converted, raw)

    def _feed(self, picture: Image, converted: Image, raw: bool) -> bool:
        """``converted`` to the sink, ``picture`` to the preview, where there is one."""
        assert self._sink is not None
        with self._stats.stage("publish"), self._sending:
            if raw and not self._may_be_raw():
                return False
            self._sent = None
            self._sink.publish(converted)
            self._sent = converted, raw, time.monotonic()
        self._stats.published += 1
        if not raw or self._may_be_raw():
            self._show_in_preview(picture)
        self._problems.clear(Part.OUTPUT)
        self._retry = RETRY_FIRST
        return True

    def failed(self, error: Exception) -> None:
        """Have ``ready`` open the sink anew after a while, unless it is a recording."""
        if isinstance(self._sink, Recording):
            self._break_off(self._sink, error)
            return
        self._problems.set(Part.OUTPUT, one_line(error))
        self._retry_at = time.monotonic() + self._retry
        self._retry = min(2 * self._retry, RETRY_LAST)
        self._reopen.set()

    def repeat(self) -> float:
        """Show the last picture again where the next takes long to make: programs hide a camera
        that gives fewer than ten a second. Never raises; what fails here fails in ``feed`` too.

        What was raw by choice gives way to a dark card once that choice has changed. Returns the
        seconds in which nothing can become due: waking a thread is most of what resting costs.
        """
        if self._reopen.is_set() or not self._sending.acquire(blocking=False):
            return _SOON
        try:
            return self._repeat_if_due(time.monotonic())
        except Exception:
            self._sent = None
            return _SOON
        finally:
            self._sending.release()

    def _repeat_if_due(self, now: float) -> float:
        if self._sink is None or self._sent is None:
            return REPEAT_AFTER
        picture, raw, at = self._sent
        due = max(at, self._repeated) + REPEAT_AFTER
        if now < due:
            return due - now
        if now >= at + REPEAT_UNTIL:  # not for ever: a thread that hangs must be seen to hang
            return REPEAT_AFTER
        if raw and not self._may_be_raw():
            dark = card(*self.size, "")
            picture = to_i420(dark) if self._sink.pixel_format == "i420" else dark
            self._sent = picture, False, at
        self._sink.publish(picture)
        self._repeated = time.monotonic()
        return REPEAT_AFTER

    def end(self, last: Image) -> None:
        """Leave ``last`` as the last picture and close both. Never raises."""
        try:
            self.feed(last, raw=False)
        except Exception as error:
            self._not_completed(self._sink, error)
        with self._sending:
            self._sent = None
        self.closing = True
        for part, sink in ((Part.OUTPUT, self._sink), (Part.PREVIEW, self._preview)):
            try:
                if sink is not None:
                    sink.close()
            except Exception as error:
                if part is Part.OUTPUT:
                    self._not_completed(sink, error)
                else:
                    self._problems.set(part, one_line(error))
        self.closing = False

    # ------------------------------------------------------------ how

    @property
    def wants_i420(self) -> bool:
        """Whether nobody needs the next picture in BGR."""
        return (
            self._sink is not None and self._sink.pixel_format == "i420" and self._preview is None
        )

    def _takes_as_it_is(self, picture: Image) -> bool:
        width, height = self.size
        return self.wants_i420 and picture.shape == (height * 3 // 2, width)

    def _i420(self, picture: Image) -> Image:
        """A card, or a picture shown again, is converted once."""
        if self._converted is None or self._converted[0] is not picture:
            rows, columns = picture.shape[:2]
            out = self._buffers.take((rows * 3 // 2, columns), np.uint8)
            self._converted = picture, to_i420(picture, out)
        return self._converted[1]

    def _show_in_preview(self, picture: Image) -> None:
        """Its failure is no reason to starve the sink."""
        if self._preview is None:
            return
        try:
            self._preview.publish(picture)
        except Exception as error:
            self._problems.set(Part.PREVIEW, one_line(error))
            self._close_preview()

    def _change_preview(self) -> None:
        self._preview_changed.clear()
        self._problems.clear(Part.PREVIEW)
        self._close_preview()
        try:
            self._preview = self._new_preview() if self._new_preview is not None else None
        except Exception as error:
            self._problems.set(Part.PREVIEW, one_line(error))

    def _close_preview(self) -> None:
        preview, self._preview = self._preview, None
        with contextlib.suppress(Exception):
            if preview is not None:
                preview.close()

    def _break_off(self, sink: Recording, error: Exception) -> None:
        with self._sending:
            self._sink, self._sent = None, None
        with contextlib.suppress(Exception):  # the first reason is the one that helps
            sink.close()
        self._not_completed(sink, error)

    def _not_completed(self, sink: Sink | None, error: Exception) -> None:
        self._problems.set(Part.OUTPUT, one_line(error))
        if isinstance(sink, Recording) and self.broken_off is None:
            kept = "; what had been written is in it" if sink.kept else ""
            self.broken_off = OutputError(f"{one_line(error)}{kept}")

    def _reopen_sink(self) -> None:
        self._reopen.clear()
        with self._sending:
            sink, self._sink, self._sent = self._sink, None, None
        if sink is not None:
            with contextlib.suppress(Exception):  # it is given up: a new one matters more
                sink.close()
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            size, fps = wanted
            try:
                self.open(*size, fps)
            except OutputError:  # a driver may keep the size that a program which watches knows
                self._reopen_at_its_size(wanted)
        else:
            self.open(*self.size, self._fps)

    def _reopen_at_its_size(self, wanted: tuple[tuple[int, int], float]) -> None:
        try:
            self.open(*self.size, self._fps)
        except BaseException:
            self._wanted = wanted  # it is not the size that is in the way
            raise
        self._refused = wanted


def _even_size(width: int, height: int) -> tuple[int, int]:
    return width + width % 2, height + height % 2
