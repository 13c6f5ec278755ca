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

    The camera rests while no output is watched. An output that cannot tell counts as watched, one
    that is not open does not while another is. A page that shows the preview counts, too.
    """

    def __init__(self, pipeline: Pipeline, settings: Settings) -> None:
        self._pipeline = pipeline
        self._settings = settings
        # By output, only of those that are open; None cannot tell.
        self._watches: dict[str, ClientWatch | Watched | None] = {}
        self._outputs = settings.output.names
        self.page: WebSink | None = None  # the open preview
        self._last_watched = time.monotonic()
        self._reason: Rest | None = None
        self._lock = threading.Lock()
        self.update()

    @property
    def clients(self) -> int | None:
        """How many programs watch any of the outputs; None where that is unknown."""
        # A page that is the sole output is watched; beside others its watchers count, see below.
        watches = [
            watch
            for output, watch in list(self._watches.items())
            if output != "web" or len(self._outputs) == 1
        ]
        counts = [None if watch is None else watch.clients for watch in watches]
        known = [count for count in counts if count is not None]
        if not known or len(known) < len(counts):
            return None
        return sum(known) + (self.page.watchers if self.page is not None else 0)

    def output_opened(self, output: str, sink: Sink) -> None:
        """Watch ``sink`` from now on, if ``output`` is still wanted. Call ``close`` before, for the
        sink before it."""
        device = getattr(sink, "device", None)  # only a virtual camera has one
        watch: ClientWatch | Watched | None = None
        if isinstance(sink, Watched):
            watch = sink
        elif device is not None and sys.platform == "linux":
            from bgblur.devices.presence import ClientWatch

            watch = ClientWatch(device, self.update)
        self._watches[output] = watch
        if output not in self._outputs:  # last: it may be left out at any moment
            self.close(output)

    def outputs(self, names: list[str]) -> None:
        """These are wanted from now on. Call it before they are opened."""
        self._outputs = names
        for output in set(self._watches) - set(names):
            self.close(output)

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

    def close(self, output: str | None = None) -> None:
        """Stop watching ``output``, or all of them."""
        for each in [output] if output is not None else list(self._watches):
            watch = self._watches.pop(each, None)
            if watch is not None and not isinstance(watch, Watched):
                watch.close()
