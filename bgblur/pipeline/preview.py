"""The preview: a sink beside the outputs. Its failure does not disturb them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from bgblur.errors import one_line
from bgblur.frame import Image
from bgblur.pipeline.state import Part, Problems
from bgblur.sinks import Sink

OpenPreview = Callable[[], Sink]


class Preview:
    """Takes BGR pictures. ``replace`` may be called from any thread, the rest belongs to one."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._sink: Sink | None = None
        self._wanted: OpenPreview | None = None
        self._changed = threading.Event()

    @property
    def is_open(self) -> bool:
        return self._sink is not None

    def replace(self, open_preview: OpenPreview | None) -> None:
        """Have ``update`` open another preview, or with None close the one there is."""
        self._wanted = open_preview
        self._changed.set()

    def update(self) -> None:
        """Do what ``replace`` asked for. Never raises."""
        if not self._changed.is_set():
            return
        self._changed.clear()
        self._problems.clear(Part.PREVIEW)
        self.close()
        try:
            self._sink = self._wanted() if self._wanted is not None else None
        except Exception as error:
            self._problems.set(Part.PREVIEW, one_line(error))

    def publish(self, picture: Image) -> None:
        """Show ``picture``. A preview that fails is closed. Never raises."""
        if self._sink is None:
            return
        try:
            self._sink.publish(picture)
        except Exception as error:
            self._problems.set(Part.PREVIEW, one_line(error))
            self.close()

    def close(self) -> None:
        """Never raises."""
        sink, self._sink = self._sink, None
        with contextlib.suppress(Exception):
            if sink is not None:
                sink.close()
