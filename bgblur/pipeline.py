"""The capture, segment and composite threads and what they share.

Between them stand mailboxes of depth one: live video never queues. What may be shown, and when,
is decided in ``publisher``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bgblur.compositing.compositor import Compositor
from bgblur.compositing.look import Look
from bgblur.errors import BgblurError, one_line
from bgblur.frame import Frame, Image, LatestSlot
from bgblur.publisher import RETRY_FIRST, RETRY_LAST, OpenSink, Publisher, Segmented
from bgblur.segmentation.options import MaskOptions
from bgblur.sources import Source
from bgblur.stats import Stats

KEEP_ALIVE = 0.06  # seconds without news after which something is published: 16 fps
FAILURES_BEFORE_RELOAD = 3
STOP_WITHIN = 0.7  # seconds given to the threads; a hung one is left behind


@dataclass(frozen=True)
class Backend:
    """An engine made ready: ``segment`` turns an image into (pixels, alpha) where the engine
    computes, ``compositor`` finishes them there. The rest is for reports."""

    segment: Callable[[Image, MaskOptions], tuple[Any, Any]]
    compositor: Compositor
    device: str
    precision: str
    input_height: int


OpenSource = Callable[[], Source]
LoadBackend = Callable[[], Backend]


class Pipeline:
    """Runs from ``start`` to ``stop``. Everything public may be called from any thread.

    ``open_source`` and ``open_sink`` are called by ``start``, whose caller gets their errors;
    ``load_backend`` runs in its own thread, because loading takes seconds in which the output
    should already show something. An error of that first load ends up in ``fatal``.
    """

    def __init__(
        self,
        open_source: OpenSource,
        open_sink: OpenSink,
        load_backend: LoadBackend,
        look: Look,
        mask: MaskOptions,
        stats: Stats | None = None,
    ) -> None:
        self.stats = stats or Stats()
        self.look = look
        self.mask = mask
        self.fatal: BgblurError | None = None
        self.problems: dict[str, str] = {}  # by part: what is wrong now, for people
        self.backend: Backend | None = None  # the newest that was loaded
        self.source_name = ""
        self.source_remark: str | None = None
        self._publisher = Publisher(open_sink, self.stats, self.problems)
        self._open_source, self._load_backend = open_source, load_backend
        self._newest: Frame | None = None
        self._captured: LatestSlot[Frame] = LatestSlot()
        self._segmented: LatestSlot[Segmented] = LatestSlot()
        self._stopping = threading.Event()
        self._new_source, self._new_backend = threading.Event(), threading.Event()
        self._threads: list[threading.Thread] = []

    # ------------------------------------------------------------ control

    def start(self) -> None:
        """Open both ends and set the threads going. Raises CameraError or OutputError."""
        segment = threading.Thread(target=self._segment, name="segment", daemon=True)
        segment.start()  # first: importing torch takes longest
        self._threads = [segment]
        try:
            source = self._open_source()
            self.source_name, self.source_remark = source.name, source.remark
            self._publisher.open(source.width, source.height, source.fps)
        except BgblurError:
            self._stopping.set()
            raise
        for name, target in (
            ("capture", lambda: self._capture(source)),
            ("composite", self._composite),
        ):
            thread = threading.Thread(target=target, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """End the threads, leave the card as the last picture, close the output."""
        self._stopping.set()
        self._captured.close()
        self._segmented.close()
        deadline = time.monotonic() + STOP_WITHIN
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        composite = next((t for t in self._threads if t.name == "composite"), None)
        if composite is not None and not composite.is_alive():
            self._publisher.end()

    def replace_source(self, open_source: OpenSource) -> None:
        """Close the camera and open another; the output goes on, at the new size if it can."""
        self._open_source = open_source
        self._new_source.set()

    def replace_sink(self, open_sink: OpenSink) -> None:
        self._publisher.replace(open_sink)

    def replace_backend(self, load_backend: LoadBackend) -> None:
        """Load another model; until it is ready the whole frame is blurred."""
        self._load_backend = load_backend
        self._new_backend.set()

    @property
    def size(self) -> tuple[int, int]:
        """Of the published pictures, (width, height)."""
        return self._publisher.size

    @property
    def state(self) -> str:
        """ "starting", "blurring", "off", "no camera" or "no mask"."""
        return self._publisher.state

    @property
    def sink_name(self) -> str:
        return self._publisher.sink_name

    def before(self) -> Image | None:
        """The camera's own picture of the newest published frame, for the user's own eyes."""
        return self._publisher.before()

    # ------------------------------------------------------------ capture

    def _capture(self, source: Source | None) -> None:
        wait = RETRY_FIRST
        while not self._stopping.is_set():
            try:
                if self._new_source.is_set() and source is not None:
                    source.close()
                    source = None
                if source is None:
                    asked_for = self._new_source.is_set()
                    self._new_source.clear()
                    source = self._open_source()
                    self.source_name, self.source_remark = source.name, source.remark
                    # One that comes back by itself with another size is fitted to the old one.
                    if asked_for:
                        self._publisher.resize(source.width, source.height, source.fps)
                with self.stats.stage("capture"):
                    frame = source.read()
                self._newest = frame
                self._captured.put(frame)
                self.problems.pop("camera", None)
                wait = RETRY_FIRST
            except Exception as error:  # drivers raise what they like
                self.problems["camera"] = one_line(error)
                if source is not None:
                    source.close()
                    source = None
                self._new_source.wait(wait)
                wait = min(2 * wait, RETRY_LAST)
        if source is not None:
            source.close()

    # ------------------------------------------------------------ segment

    def _segment(self) -> None:
        backend: Backend | None = None
        failures = 0
        while not self._stopping.is_set():
            if backend is None or self._new_backend.is_set():
                self._new_backend.clear()
                backend, failures = self._loaded(backend), 0
                if backend is None:
                    self._stopping.wait(RETRY_LAST)
                    continue
            frame = self._captured.take(KEEP_ALIVE)
            if frame is None:
                continue
            if self.look.raw:
                self._segmented.put(Segmented(frame, frame.image, None, backend.compositor))
                continue
            try:
                pixels, alpha = backend.segment(frame.image, self.mask)
            except Exception as error:  # whatever a model or a driver raises, the stream goes on
                failures += 1
                self.problems["mask"] = f"the person cannot be found: {one_line(error)}"
                if failures >= FAILURES_BEFORE_RELOAD:
                    backend = None
                    self._stopping.wait(RETRY_FIRST)
                continue
            failures = 0
            self.problems.pop("mask", None)
            self._segmented.put(Segmented(frame, pixels, alpha, backend.compositor))

    def _loaded(self, current: Backend | None) -> Backend | None:
        """A fresh backend, or ``current`` where the new one cannot be had."""
        try:
            backend = self._load_backend()
        except BgblurError as error:
            self.problems["model"] = str(error)
            if self.backend is None:
                self.fatal = error
            return current
        except Exception as error:  # a driver's own exception, as on a lost CUDA context
            self.problems["model"] = f"the model cannot be loaded: {one_line(error)}"
            return current
        self.problems.pop("model", None)
        self.backend = backend
        return backend

    # ------------------------------------------------------------ composite

    def _composite(self) -> None:
        while not self._stopping.is_set():
            item = self._segmented.take(KEEP_ALIVE)
            if not self._stopping.is_set():
                self._publisher.show(item, self.look, self._newest)
                self.stats.dropped = self._captured.replaced + self._segmented.replaced
