"""When the camera may rest: while nobody has watched for a while, or the user wants a pause."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

from bgblur.config.settings import Settings
from bgblur.pipeline.pipeline import Pipeline
from bgblur.pipeline.state import Rest
from bgblur.sinks import Sink

if TYPE_CHECKING:
    from bgblur.devices.presence import ClientWatch
    from bgblur.sinks.web.sink import WebSink


class OnDemand:
    """Closes the pipeline's camera and takes it up again. Callable from any thread.

    An output that cannot tell whether it is watched counts as watched. So does an open preview.
    """

    def __init__(self, pipeline: Pipeline, settings: Settings) -> None:
        self._pipeline = pipeline
        self._settings = settings
        self._watch: ClientWatch | None = None
        self.page: WebSink | None = None  # the open preview
        self._last_watched = time.monotonic()
        self._reason: Rest | None = None
        self._lock = threading.Lock()
        self.update()

    @property
    def clients(self) -> int | None:
        """How many programs watch; None where that cannot be known."""
        watch = self._watch  # once: the output may be opened anew meanwhile
        clients = watch.clients if watch is not None else None
        if clients is None:
            return None
        return clients + (self.page.watchers if self.page is not None else 0)

    def output_opened(self, sink: Sink) -> None:
        """The output is ``sink`` from now on; the former was given up with ``close``."""
        device = getattr(sink, "device", None)  # only a virtual camera has one
        if device is not None and sys.platform == "linux":
            from bgblur.devices.presence import ClientWatch

            self._watch = ClientWatch(device, self.update)

    def change(self, settings: Settings) -> None:
        self._settings = settings
        self.update()

    def update(self) -> None:
        """Look at who watches; at every change, and now and then for the passing of time."""
        with self._lock:
            now = time.monotonic()
            idle = self._settings.idle
            if self.clients != 0 or not idle.on_demand:
                self._last_watched = now
            reason: Rest | None = None
            if self._settings.output.paused:
                reason = Rest.PAUSED
            elif now - self._last_watched > idle.grace_seconds:
                reason = Rest.IDLE
            if reason != self._reason:
                self._reason = reason
                self._pipeline.rest(reason)

    def close(self) -> None:
        """Look at the output no longer."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()
