"""The segment thread's loop: gives every frame its own alpha, loads the model again if it fails."""

from __future__ import annotations

import threading
import time

from bgblur.errors import BgblurError, one_line
from bgblur.frame import Frame
from bgblur.pipeline.backend import Backend, LoadBackend
from bgblur.pipeline.in_force import InForce
from bgblur.pipeline.mailbox import LatestSlot, Segmented
from bgblur.pipeline.state import Part, Problems
from bgblur.pipeline.worker import Turn
from bgblur.segmentation.plausible import ImplausibleError

NEWS_WITHIN = 0.25  # seconds to wait for a frame before looking for a new backend or the end
FORGETS_AFTER = 1.0  # seconds without a frame after which nothing of the last ones is kept
FAILURES_BEFORE_RELOAD = 3
RETRY_FIRST, RETRY_LAST = 0.25, 2.0  # seconds before a model is loaded again
LOADS_WITHIN, INFERS_WITHIN = 300.0, 30.0  # seconds after which a call counts as hung


class SegmentLoop:
    """From ``captured`` to ``segmented``, by the look and mask in force.

    Reports the problems of the mask and of the model. An error of the first load is kept in
    ``fatal``.
    """

    def __init__(
        self,
        load_backend: LoadBackend,
        captured: LatestSlot[Frame],
        segmented: LatestSlot[Segmented],
        in_force: InForce,
        problems: Problems,
    ) -> None:
        self.fatal: BgblurError | None = None
        self.backend: Backend | None = None  # the newest that was loaded
        self._load_backend = load_backend
        self._captured, self._segmented = captured, segmented
        self._in_force = in_force
        self._problems = problems
        self._new_backend = threading.Event()
        self._told: str | None = None  # the backend's problem that was reported

    def replace(self, load_backend: LoadBackend) -> None:
        """Load another backend."""
        self._load_backend = load_backend
        self._new_backend.set()

    def wake(self) -> None:
        """Let a waiting ``run`` see that its turn is over."""
        self._new_backend.set()

    def run(self, turn: Turn) -> None:
        backend: Backend | None = None
        failures, past = 0, _Past()
        while not turn.over():
            if backend is None or self._new_backend.is_set():
                self._new_backend.clear()
                turn.beat(LOADS_WITHIN)
                backend, failures = self._loaded(backend, turn), 0
                if backend is None:
                    self._new_backend.wait(RETRY_LAST)
                continue  # the turn may be over by now
            turn.beat(INFERS_WITHIN)
            frame = self._next_frame()
            raw = self._in_force.look.raw
            if turn.over():
                return
            try:
                past.continues(backend, frame, raw)
                if frame is None:
                    continue
                if raw:
                    self._problems.clear(Part.MASK)  # no mask is needed
                    self._segmented.put(Segmented(frame, frame.image, None, backend.compositor))
                    continue
                pixels, alpha = backend.segment(frame.image, self._in_force.mask)
            except ImplausibleError as error:
                if turn.over():
                    return
                # The model is not loaded again: it would be the same, and the remembered room,
                # which shows that the mask is wrong, would be lost.
                failures = 0
                self._problems.set(Part.MASK, str(error))
                continue
            except Exception as error:  # models and drivers raise anything, the stream goes on
                if turn.over():
                    return
                failures += 1
                self._problems.set(Part.MASK, f"the person cannot be found: {one_line(error)}")
                if failures >= FAILURES_BEFORE_RELOAD:
                    backend = None
                    self._new_backend.wait(RETRY_FIRST)
                continue
            if turn.over():
                return
            failures = 0
            self._found_by(backend)
            self._segmented.put(Segmented(frame, pixels, alpha, backend.compositor))
            del pixels, alpha  # not kept longer than they are shown

    def _found_by(self, backend: Backend) -> None:
        self._problems.clear(Part.MASK)
        if backend.problem and backend.problem != self._told:
            self._told = backend.problem
            self._problems.set(Part.MODEL, backend.problem)

    def _next_frame(self) -> Frame | None:
        """Of the camera in force; None where none comes for a while."""
        frame = self._captured.take(NEWS_WITHIN)
        return frame if frame is not None and self._in_force.knows(frame) else None

    def _loaded(self, current: Backend | None, turn: Turn) -> Backend | None:
        """A new backend, or ``current`` where loading fails."""
        try:
            backend = self._load_backend()
        except BgblurError as error:
            self._problems.set(Part.MODEL, str(error))
            if self.backend is None:
                self.fatal = error
            return current
        except Exception as error:  # a driver's own exception, as on a lost CUDA context
            self._problems.set(Part.MODEL, f"the model cannot be loaded: {one_line(error)}")
            return current
        if not turn.over():
            self._problems.clear(Part.MODEL)
            self.backend, self._told = backend, None
        return backend


class _Past:
    """Has a backend forget the frames before, once the next one does not follow them."""

    def __init__(self) -> None:
        self._opening: int | None = None  # of the camera that the backend remembers
        self._view = 0  # the number of its geometry
        self._last = 0.0  # when its last frame came, ``time.monotonic()``

    def continues(self, backend: Backend, frame: Frame | None, raw: bool) -> None:
        """Call it with each frame, and with None where none comes. Of ``raw`` ones the backend
        sees nothing."""
        now = time.monotonic()
        view = self._view if frame is None else frame.view
        if view != self._view:
            self._view, self._opening = view, None
            backend.reset(another_view=True)
        if frame is None:
            follows = now - self._last < FORGETS_AFTER
        else:
            follows = frame.opening == self._opening and not raw
            self._last = now
        if self._opening is not None and not follows:
            self._opening = None
            backend.reset()
        if frame is not None and not raw:
            self._opening = frame.opening
