"""The real daemon, with its watcher and status file, around parts that break on command."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bgblur.config.settings import Settings
from bgblur.daemon import daemon, live_settings
from support.faults.camera import Camera
from support.faults.model import Model
from support.faults.output import Output


class FaultDaemon:
    """``ended`` holds what ``run`` raised, or None once it has returned."""

    def __init__(self, path: Path, say: Callable[[str], None] | None, output: Output) -> None:
        self.output = output
        self.said: list[str] = []
        self.daemon = daemon.Daemon(Settings(), path, {}, say or self.said.append)
        self.stop = threading.Event()
        self.ended: list[BaseException | None] = []
        self._thread = threading.Thread(target=self._run, name="daemon", daemon=True)

    def _run(self) -> None:
        try:
            self.daemon.run(self.stop)
            self.ended.append(None)
        except BaseException as error:
            self.ended.append(error)


@contextmanager
def fault_daemon(path: Path, say: Callable[[str], None] | None = None) -> Iterator[FaultDaemon]:
    """Runs until the end of the block; ending earlier is a failure."""
    with pytest.MonkeyPatch.context() as patch:
        parts: FaultDaemon
        camera, model, output = Camera(), Model(), Output()
        patch.setattr(live_settings, "source_opener", lambda *_: camera.open)
        patch.setattr(daemon, "open_sink", lambda _, *size: output.open(*size[:3]))
        patch.setattr(live_settings, "load_backend", model.load)
        parts = FaultDaemon(path, say, output)
        parts._thread.start()
        try:
            yield parts
            assert not parts.ended, parts.ended
        finally:
            parts.stop.set()
            parts._thread.join(60)
        assert parts.ended == [None]
