"""Serves a recording session as a web page on this machine."""

from __future__ import annotations

import threading

from bgblur.frame import Image
from bgblur.interrupts import POLL, check
from bgblur.localhost.newest import NewestPicture
from bgblur.localhost.server import LocalServer
from bgblur.sources import Source
from bgblur.training.record.folder import RecordFolder
from bgblur.training.record.record import Label, Recorder, RecordPlan
from bgblur.training.record.server import build_record_app

_LAST_ANSWER = 0.5  # seconds for the page to receive the last answer


class RecordPage:
    """Serves a session at ``url``. Raises OutputError if the port is not available."""

    def __init__(
        self, source: Source, label: Label, folder: RecordFolder, plan: RecordPlan, port: int = 0
    ) -> None:
        self._newest = NewestPicture()
        self._finished = threading.Event()
        self.recorder = Recorder(source, label, folder, plan, show=self._show)
        self._server = LocalServer(
            lambda token: build_record_app(
                newest=self._newest,
                recorder=self.recorder,
                folder=folder,
                finish=self.finish,
                token=token,
            ),
            "recording-page",
            port,
        )
        self.url = self._server.url

    def run(self) -> None:
        """Run until the user finishes. The review continues after the camera fails."""
        camera = threading.Thread(target=self.recorder.run, name="record", daemon=True)
        camera.start()
        try:
            while not self._finished.wait(POLL):
                check()
            self._finished.clear()
            self._finished.wait(_LAST_ANSWER)
        finally:
            self.recorder.stop()
            camera.join(5)
            self._newest.close()
            self._server.close()

    def finish(self) -> None:
        """Let ``run`` return."""
        self._finished.set()

    def _show(self, image: Image) -> None:
        self._newest.put(image)
