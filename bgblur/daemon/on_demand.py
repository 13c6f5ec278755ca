"""Closes the camera while nobody watches, or while the user wants a pause."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

from bgblur.config.settings import Settings
from bgblur.pipeline.pipeline import Pipeline
from bgblur.pipeline.state import Rest
from bgblur.sinks import Sink, Watched

if TYPE_CHECKING:
    from bgblur.devices.presence import ClientWatch
    from bgblur.sinks.web.sink import WebSink


class OnDemand:
    """Closes the pipeline's camera and opens it again. Callable from any thread.

    An output that cannot tell whether anybody watches counts as watched. So does a page that
    shows the preview.
    """

    def __init__(self, pipeline: Pipeline, settings: Settings) -> None:
        self._pipeline = pipeline
        self._settings = settings
        self._watch: ClientWatch | Watched | None = None
        self.page: WebSink | None = None  # the open preview
        self._last_watched = time.monotonic()
        self._reason: Rest | None = None
        self._lock = threading.Lock()
        self.update()

    @property
    def clients(self) -> int | None:
        """How many programs watch; None where that is unknown."""
        watch = self._watch  # read once: another thread may open the output again
        clients = watch.clients if watch is not None else None
        if clients is None:
            return None
        return clients + (self.page.watchers if self.page is not None else 0)

    def output_opened(self, sink: Sink) -> None:
        """Watch ``sink`` from now on. Call ``close`` before, for the sink before it."""
        device = getattr(sink, "device", None)  # only a virtual camera has one
        if isinstance(sink, Watched):
            self._watch = sink
        elif device is not None and sys.platform == "linux":
            from bgblur.devices.presence import ClientWatch

            self._watch = ClientWatch(device, self.update)

    def change(self, settings: Settings) -> None:
        self._settings = settings
        self.update()

    def update(self) -> None:
        """Decide whether the camera rests. Call it at each change, and a few times a second."""
        with self._lock:
            now = time.monotonic()
            idle = self._settings.idle
            if self.clients != 0 or not idle.on_demand:
                self._last_watched = now
            self._pipeline.pause_shows = self._settings.output.pause_shows  # before the pause
            reason: Rest | None = None
            if self._settings.output.paused:
                reason = Rest.PAUSED
            elif now - self._last_watched > idle.grace_seconds:
                reason = Rest.IDLE
            if reason != self._reason:
                self._reason = reason
                self._pipeline.rest(reason)

    def close(self) -> None:
        """Stop watching the output."""
        watch, self._watch = self._watch, None
        if watch is not None and not isinstance(watch, Watched):
            watch.close()
