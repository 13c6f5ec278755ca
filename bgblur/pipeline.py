"""Capture, segment and composite threads, and the rule that binds them.

Fail closed: while blur is on, a frame leaves only with its own alpha applied. Wherever that alpha
is missing (still loading, failed, hung, late), the whole frame is blurred at full strength; where
there is no frame either, a card is shown. The decision is made in one place, ``_Compose``, from
the look in force at the moment of publishing, so no order of events can let a raw frame through.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bgblur.compositing.card import card
from bgblur.compositing.color import even, to_i420
from bgblur.compositing.compositor import Compositor, CpuCompositor, cover
from bgblur.compositing.look import Look
from bgblur.errors import BgblurError
from bgblur.frame import Frame, Image, LatestSlot
from bgblur.segmentation.options import MaskOptions
from bgblur.sinks import Sink
from bgblur.sources import Source
from bgblur.stats import Stats

KEEP_ALIVE = 0.06  # seconds without news after which something is published: 16 fps
STALE_AFTER = 1.0  # seconds after which an alpha, and the picture made with it, is too old
NO_SIGNAL_AFTER = 1.0  # seconds without a frame after which the card is shown
STARTING, NO_CAMERA, ENDED = "bgblur is starting", "bgblur: no camera", "bgblur has ended"
RETRY_FIRST, RETRY_LAST = 0.25, 2.0  # back-off of everything that is opened again, seconds
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


@dataclass(frozen=True)
class _Segmented:
    frame: Frame
    pixels: Any
    alpha: Any  # None only while the look in force was raw
    compositor: Compositor


OpenSource = Callable[[], Source]
OpenSink = Callable[[int, int, float], Sink]
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
        self.size = (0, 0)  # of the published pictures, (width, height)
        self._open_source, self._open_sink, self._load_backend = (
            open_source,
            open_sink,
            load_backend,
        )
        self._sink: Sink | None = None
        self._sink_fps = 30.0
        self._newest: Frame | None = None
        self._captured: LatestSlot[Frame] = LatestSlot()
        self._segmented: LatestSlot[_Segmented] = LatestSlot()
        self._stopping = threading.Event()
        self._new_source, self._new_sink, self._new_backend = (
            threading.Event(),
            threading.Event(),
            threading.Event(),
        )
        self._published_raw: tuple[Image, bool] | None = None
        self.state = "starting"
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
            self.size = _even_size(source.width, source.height)
            self._sink_fps = source.fps
            self._sink = self._open_sink(*self.size, source.fps)
            for text in (STARTING, NO_CAMERA, ENDED):
                self._card(text)  # drawing text takes longer than an output may be left unfed
        except BgblurError:
            self._stopping.set()
            raise
        for name, target in (
            ("capture", lambda: self._capture(source)),
            ("composite", _Compose(self).run),
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
        if self._sink is not None and composite is not None and not composite.is_alive():
            try:
                self._publish(self._card(ENDED))
                self._sink.close()
            except BgblurError as error:
                self.problems["output"] = str(error)

    def replace_source(self, open_source: OpenSource) -> None:
        """Close the camera and open another; the output goes on, at the new size if it can."""
        self._open_source = open_source
        self._new_source.set()

    def replace_sink(self, open_sink: OpenSink) -> None:
        self._open_sink = open_sink
        self._new_sink.set()

    def replace_backend(self, load_backend: LoadBackend) -> None:
        """Load another model; until it is ready the whole frame is blurred."""
        self._load_backend = load_backend
        self._new_backend.set()

    @property
    def sink_name(self) -> str:
        return self._sink.name if self._sink is not None else "nowhere"

    def before(self) -> Image | None:
        """The camera's own picture of the newest published frame, for the user's own eyes."""
        held = self._published_raw
        if held is None:
            return None
        raw, mirror = held
        return raw[:, ::-1] if mirror else raw

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
                    if asked_for:
                        self._resize(source)
                with self.stats.stage("capture"):
                    frame = source.read()
                self._newest = frame
                self._captured.put(frame)
                self.problems.pop("camera", None)
                wait = RETRY_FIRST
            except BgblurError as error:
                self.problems["camera"] = str(error)
                if source is not None:
                    source.close()
                    source = None
                self._new_source.wait(wait)
                wait = min(2 * wait, RETRY_LAST)
        if source is not None:
            source.close()

    def _resize(self, source: Source) -> None:
        """Another camera, or another size, was chosen: the output follows where it can. (One that
        comes back by itself with another size is fitted instead, so that clients keep theirs.)"""
        size = _even_size(source.width, source.height)
        resizing = self._sink.resizing if self._sink is not None else "reopen"
        if size != self.size and resizing != "never":
            self.size, self._sink_fps = size, source.fps
            if resizing == "reopen":
                self._new_sink.set()

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
                self._segmented.put(_Segmented(frame, frame.image, None, backend.compositor))
                continue
            try:
                pixels, alpha = backend.segment(frame.image, self.mask)
            except Exception as error:  # whatever a model or a driver raises, the stream goes on
                failures += 1
                self.problems["mask"] = f"the person cannot be found: {_one_line(error)}"
                if failures >= FAILURES_BEFORE_RELOAD:
                    backend = None
                    self._stopping.wait(RETRY_FIRST)
                continue
            failures = 0
            self.problems.pop("mask", None)
            self._segmented.put(_Segmented(frame, pixels, alpha, backend.compositor))

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
            self.problems["model"] = f"the model cannot be loaded: {_one_line(error)}"
            return current
        self.problems.pop("model", None)
        self.backend = backend
        return backend

    # ------------------------------------------------------------ publish

    def _publish(self, picture: Image) -> None:
        """To the sink, at its size and in its format."""
        if self._sink is None:
            return
        width, height = self.size
        with self.stats.stage("colour"):
            picture = even(picture)
            if picture.shape[:2] != (height, width):  # the camera came back with another size
                picture = cover(picture, width, height)
            if self._sink.pixel_format == "i420":
                picture = to_i420(picture)
        with self.stats.stage("publish"):
            self._sink.publish(picture)

    def _card(self, text: str) -> Image:
        return card(*self.size, text)


class _Compose:
    """The composite thread: decides what may be shown, makes it, publishes it."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._p = pipeline
        self._cpu = CpuCompositor()
        self._last: Image | None = None  # the newest picture made with an alpha
        self._last_raw = True
        self._last_made = 0.0
        self._retry_sink = RETRY_FIRST

    def run(self) -> None:
        pipeline = self._p
        while not pipeline._stopping.is_set():
            item = pipeline._segmented.take(KEEP_ALIVE)
            if pipeline._stopping.is_set():
                return
            try:
                if pipeline._new_sink.is_set():
                    pipeline._new_sink.clear()
                    self._reopen_sink()
                self._show_or_card(item)
                pipeline.problems.pop("output", None)
                self._retry_sink = RETRY_FIRST
            except BgblurError as error:
                pipeline.problems["output"] = str(error)
                pipeline._new_sink.set()
                pipeline._stopping.wait(self._retry_sink)
                self._retry_sink = min(2 * self._retry_sink, RETRY_LAST)

    def _show_or_card(self, item: _Segmented | None) -> None:
        pipeline = self._p
        try:
            self._show(item)
            pipeline.problems.pop("picture", None)
        except BgblurError:
            raise
        except Exception as error:  # a compositor that fails must not end in a frozen output
            pipeline.problems["picture"] = f"the picture cannot be made: {_one_line(error)}"
            self._last = None
            pipeline._publish(pipeline._card("bgblur: a problem, see its messages"))

    def _show(self, item: _Segmented | None) -> None:
        pipeline, look = self._p, self._p.look
        fresh = item is not None and time.monotonic() - item.frame.captured < STALE_AFTER
        if item is not None and fresh and (item.alpha is not None or look.raw):
            self._show_own(item, look)
        else:
            self._show_substitute(look)
        pipeline.stats.dropped = pipeline._captured.replaced + pipeline._segmented.replaced

    def _show_own(self, item: _Segmented, look: Look) -> None:
        """The regular case: a frame and its own alpha."""
        pipeline = self._p
        with pipeline.stats.stage("blur"):
            picture = item.compositor.compose(item.pixels, item.alpha, look)
        pipeline._publish(picture)
        pipeline._published_raw = (item.frame.image, look.mirror)
        pipeline.stats.frame_done(item.frame.captured)
        pipeline.state = "off" if look.raw else "blurring"
        self._last, self._last_raw, self._last_made = picture, look.raw, time.monotonic()

    def _show_substitute(self, look: Look) -> None:
        """No alpha came in time: the last picture if it is recent, else nothing of the room."""
        pipeline, now = self._p, time.monotonic()
        newest = pipeline._newest
        # What was raw by choice must not be shown again: the choice may have changed since.
        if (
            self._last is not None
            and (look.raw or not self._last_raw)
            and now - self._last_made < STALE_AFTER
            and "mask" not in pipeline.problems
        ):
            pipeline._publish(self._last)
            return
        self._last = None
        pipeline.stats.obscured += 1
        if newest is None or now - newest.captured > NO_SIGNAL_AFTER:
            lost = newest is not None or "camera" in pipeline.problems
            pipeline.state = "no camera" if lost else "starting"
            pipeline._publish(pipeline._card(NO_CAMERA if lost else STARTING))
            return
        pipeline.state = "no mask" if pipeline.problems.keys() & {"mask", "model"} else "starting"
        pipeline._publish(self._cpu.obscure(newest.image, look))

    def _reopen_sink(self) -> None:
        pipeline = self._p
        if pipeline._sink is not None:
            pipeline._sink.close()
            pipeline._sink = None
        pipeline._sink = pipeline._open_sink(*pipeline.size, pipeline._sink_fps)


def _even_size(width: int, height: int) -> tuple[int, int]:
    return width + width % 2, height + height % 2


def _one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__
