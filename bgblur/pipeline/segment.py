"""The segment thread's loop: gives every frame its own alpha, loads the model again if it fails."""

from __future__ import annotations

import threading

from bgblur.errors import BgblurError, one_line
from bgblur.frame import Frame
from bgblur.pipeline.backend import Backend, LoadBackend
from bgblur.pipeline.in_force import InForce
from bgblur.pipeline.mailbox import LatestSlot, Segmented
from bgblur.pipeline.state import Part, Problems
from bgblur.pipeline.worker import Turn
from bgblur.segmentation.plausible import ImplausibleError

NEWS_WITHIN = 0.25  # seconds to wait for a frame before looking for a new backend or the end
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

    def replace(self, load_backend: LoadBackend) -> None:
        """Load another backend."""
        self._load_backend = load_backend
        self._new_backend.set()

    def wake(self) -> None:
        """Let a waiting ``run`` see that its turn is over."""
        self._new_backend.set()

    def run(self, turn: Turn) -> None:
        backend: Backend | None = None
        failures, newest = 0, -1
        while not turn.over():
            if backend is None or self._new_backend.is_set():
                self._new_backend.clear()
                turn.beat(LOADS_WITHIN)
                backend, failures = self._loaded(backend, turn), 0
                if backend is None:
                    self._new_backend.wait(RETRY_LAST)
                    continue
            turn.beat(INFERS_WITHIN)
            frame = self._captured.take(NEWS_WITHIN)
            if frame is None:
                continue
            if self._in_force.look.raw:
                self._problems.clear(Part.MASK)  # no mask is needed
                self._segmented.put(Segmented(frame, frame.image, None, backend.compositor))
                continue
            try:
                if frame.index <= newest:  # of a camera that was opened since
                    backend.reset()
                newest = frame.index
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
            self._problems.clear(Part.MASK)
            self._segmented.put(Segmented(frame, pixels, alpha, backend.compositor))

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
            self.backend = backend
        return backend
