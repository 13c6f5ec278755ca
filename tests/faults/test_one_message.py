"""One event, one message: a camera that was unplugged is reported once, and once it is back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from support.faults.daemon import FaultDaemon, fault_daemon
from support.pipeline_parts import SquareSource

from bgblur.errors import CameraError, CameraGoneError
from bgblur.frame import Frame
from bgblur.pipeline.state import State

UNPLUGGED = "the camera 0 gives no more pictures: it was unplugged, plug it in again"


class Webcam(SquareSource):
    """Once unplugged, reading and opening fail with different words, as a real one does."""

    def __init__(self) -> None:
        super().__init__()
        self.openings = 0

    def __call__(self) -> SquareSource:
        self.openings += 1
        if self.fail.is_set():
            raise CameraGoneError(f"there is no camera /dev/video0, try {self.openings}")
        return self

    def read(self) -> Frame:
        try:
            return super().read()
        except CameraError as unplugged:
            raise CameraGoneError(UNPLUGGED) from unplugged


def test_an_unplugged_camera_is_said_once(tmp_path: Path) -> None:
    camera = Webcam()
    with fault_daemon(tmp_path / "config.toml") as parts:
        pipeline = parts.daemon.pipeline
        wait_for(parts, lambda: pipeline.state == State.BLURRING)
        pipeline.replace_source(camera)
        wait_for(parts, lambda: camera.index > 5)
        before = len(parts.said)
        camera.fail.set()
        wait_for(parts, lambda: pipeline.state == State.NO_CAMERA)
        wait_for(parts, lambda: camera.openings > 3)
        camera.fail.clear()
        wait_for(parts, lambda: pipeline.state == State.BLURRING)
        wait_for(parts, lambda: parts.said[-1] == "camera: working again")
        assert parts.said[before:] == [UNPLUGGED, "camera: working again"]


def wait_for(parts: FaultDaemon, condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert not parts.ended, parts.ended
        assert time.monotonic() < deadline, (parts.said, parts.daemon.status())
        time.sleep(0.02)
