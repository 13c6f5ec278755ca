"""The capture thread's loop: reads the camera, opens it again if it fails, closes it for a rest."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from bgblur.errors import CameraError, CameraGoneError, one_line
from bgblur.frame import Frame, is_image
from bgblur.pipeline.in_force import InForce
from bgblur.pipeline.mailbox import LatestSlot
from bgblur.pipeline.state import Part, Problems
from bgblur.pipeline.worker import Turn
from bgblur.sources import Source
from bgblur.stats import Stats

RETRY_FIRST, RETRY_LAST = 0.25, 0.75  # seconds before a failed camera is opened again
OPENS_WITHIN, READS_WITHIN = 15.0, 5.0  # seconds after which a driver's call counts as hung

OpenSource = Callable[[], Source]


class CaptureLoop:
    """Puts every frame into ``captured``, with the number of the order in force.

    ``resize`` is called with each source that the user asked for, or turned. A camera that comes
    back by itself with another size is fitted to the old one.

    Reports the camera's problems, one line for each loss: while the camera is gone, what opening
    it again says is not news.
    """

    def __init__(
        self,
        open_source: OpenSource,
        captured: LatestSlot[Frame],
        in_force: InForce,
        resize: Callable[[Source], None],
        problems: Problems,
        stats: Stats,
    ) -> None:
        self.source_name = ""
        self.source_remark: str | None = None
        self.newest: Frame | None = None
        self._open_source = open_source
        self._captured = captured
        self._in_force = in_force
        self._resize = resize
        self._problems = problems
        self._stats = stats
        self._first: Source | None = None
        self._first_order = 0  # in force when it was opened
        self._openings = 0
        self._geometry = in_force.geometry  # of the newest frame
        self._views = 0
        self._gone = False  # its loss has been reported
        self._opened_by: OpenSource | None = None  # what was tried last
        self._asked_for = True  # the first one too: a busy camera comes later
        self._changed = threading.Event()

    def open_first(self) -> Source:
        """The source that ``run`` begins with. Raises CameraError."""
        self._first_order = self._in_force.order
        self._opened_by = self._open_source
        self._first = self._note(self._opened_by())
        self._asked_for = False
        return self._first

    def close_first(self) -> None:
        """Close the source of ``open_first`` if ``run`` does not follow."""
        if self._first is not None:
            _close(self._first)
            self._first = None

    def replace(self, open_source: OpenSource) -> None:
        """Close the source and open another."""
        self._open_source = open_source
        self._asked_for = True
        self._in_force.another_camera()  # after it: what is opened from now on is the new one
        self._changed.set()

    def wake(self) -> None:
        """Let a waiting ``run`` see that a rest begins or ends, or that its turn is over."""
        self._changed.set()

    def run(self, turn: Turn) -> None:
        source, self._first = self._first, None
        opened_at = self._first_order  # the order in force when ``source`` was opened
        wait = RETRY_FIRST
        while not turn.over():
            self._changed.clear()  # before the orders are read: a later one ends the next sleep
            order = self._in_force.order  # first: what comes later may be older than a newer order
            resting = self._in_force.rest is not None
            try:
                if source is not None and (resting or opened_at < self._in_force.camera_since):
                    _close(source)
                    source = self.newest = None
                if resting:
                    turn.beat(OPENS_WITHIN)
                    self.newest = None
                    self._well()  # a camera that is closed on purpose has no problem
                    self._sleep(1.0)
                    continue
                if source is None:
                    turn.beat(OPENS_WITHIN)
                    source, opened_at = self._reopened(turn), order
                    continue
                turn.beat(READS_WITHIN)
                if not self._pass_on(source, order, turn):
                    break
                wait = RETRY_FIRST
            except Exception as error:  # drivers raise anything
                if source is not None:
                    _close(source)
                    source = None
                if turn.over():
                    break
                self.newest = None  # a camera that is gone leaves no picture of the room
                self._report(error)
                pause = max(wait, getattr(error, "retry_after", 0.0))
                turn.beat(OPENS_WITHIN + pause)
                self._sleep(pause)
                wait = min(2 * wait, RETRY_LAST)
        if source is not None:
            _close(source)

    def _pass_on(self, source: Source, order: int, turn: Turn) -> bool:
        """Read a frame and hand it on. Returns False if the turn is over."""
        with self._stats.stage("capture"):
            frame = _sound(source.read(), self._openings, order)
            frame = self._seen(frame, source)
        if turn.over():
            return False
        if self._in_force.knows(frame):
            self.newest = frame
            self._captured.put(frame)
        self._well()
        return True

    def _seen(self, frame: Frame, source: Source) -> Frame:
        """The part of ``frame`` to use, turned as it should be. Another geometry is another view,
        of which an earlier one says nothing; turned by 90 degrees it is another size, too."""
        geometry, whole = self._in_force.geometry, frame.image
        if geometry != self._geometry:
            size = source.width, source.height
            turned = geometry.turned(*size) != self._geometry.turned(*size)
            self._geometry = geometry
            self._views += 1
            if turned:
                self._resize(source)
        image = geometry.apply(whole)
        zoom = geometry.turned(whole.shape[1], whole.shape[0])[1] / image.shape[0]
        return replace(frame, image=image, view=self._views, zoom=zoom)

    def _report(self, error: Exception) -> None:
        known, self._gone = self._gone, isinstance(error, CameraGoneError)
        if not (known and self._gone):
            self._problems.set(Part.CAMERA, one_line(error))

    def _well(self) -> None:
        self._gone = False
        self._problems.clear(Part.CAMERA)

    def _reopened(self, turn: Turn) -> Source:
        asked_for, self._asked_for = self._asked_for, False
        open_source = self._open_source
        if open_source is not self._opened_by:  # another camera's loss is another event
            self._opened_by, self._gone = open_source, False
        try:
            source = open_source()
        except Exception:
            self._asked_for |= asked_for  # the user's choice keeps its own size when it comes
            raise
        if not turn.over():
            self._openings += 1
            self._note(source)
            if asked_for:
                self._resize(source)
        return source

    def _note(self, source: Source) -> Source:
        self.source_name, self.source_remark = source.name, source.remark
        return source

    def _sleep(self, seconds: float) -> None:
        """Wait until the time is up or there is an order."""
        self._changed.wait(seconds)


def _sound(frame: Frame, opening: int = 0, order: int = 0) -> Frame:
    """``frame`` with its numbers, and with contiguous, writable pixels, as torch and OpenCV need
    them. Raises CameraError unless it is a colour picture: a driver may give anything."""
    image = frame.image
    if not is_image(image):
        form = f"{getattr(image, 'shape', None)} {getattr(image, 'dtype', type(image).__name__)}"
        raise CameraError(f"the camera gives {form} instead of colour pictures: try another fourcc")
    whole = np.require(image, requirements=["C", "W"])
    return replace(frame, image=whole, opening=opening, order=order)


def _close(source: Source) -> None:
    """A driver that fails to close must not end the thread: the next camera waits."""
    with contextlib.suppress(Exception):
        source.close()
