"""Sources, engines and sinks that a test can slow down, break and inspect."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from bgblur.compositing.look import Look
from bgblur.config.settings import EngineSettings
from bgblur.errors import CameraError, OutputError
from bgblur.frame import Alpha, Frame, Image
from bgblur.pipeline.backend import Backend
from bgblur.pipeline.build import load_backend
from bgblur.pipeline.in_force import InForce
from bgblur.pipeline.output import Output
from bgblur.pipeline.outputs import Outputs
from bgblur.pipeline.preview import Preview
from bgblur.pipeline.publisher import Publisher
from bgblur.pipeline.sink_keeper import OpenSink, SinkKeeper
from bgblur.pipeline.state import Problems
from bgblur.segmentation.options import MaskOptions
from bgblur.sinks import PixelFormat, Resizing
from bgblur.stats import Stats
from support.in_step import OutputsInStep

WIDTH, HEIGHT = 320, 180
PERSON = 40  # side of the white square that stands for the person


def room() -> Image:
    """A watermark of fine stripes, which must never be seen sharp."""
    columns = np.arange(WIDTH)
    stripes = np.where(columns // 2 % 2 == 0, 40, 200).astype(np.uint8)
    return np.repeat(np.tile(stripes, (HEIGHT, 1))[..., None], 3, axis=2)


def picture(index: int) -> Image:
    """The room with the person, at ``place(index)``."""
    image = room()
    x, y = place(index)
    image[y : y + PERSON, x : x + PERSON] = 255
    return image


def place(index: int) -> tuple[int, int]:
    return (index * 7) % (WIDTH - PERSON), (index * 5) % (HEIGHT - PERSON)


def true_alpha(image: Image) -> Alpha:
    """1 on the white square, which is found in the image, as a real engine would do."""
    white = cv2.erode((image.min(axis=2) > 250).astype(np.uint8), np.ones((5, 5), np.uint8))
    return cv2.dilate(white, np.ones((5, 5), np.uint8)).astype(np.float32)


def stripes_visible(published: Image) -> float:
    """Contrast of the watermark's own frequency, as a share of the raw room's (1 = raw)."""
    grey = published[..., 0].astype(np.float32)
    pair = grey[:, : WIDTH // 4 * 4].reshape(len(grey), -1, 4)
    contrast = np.abs(pair[..., :2].mean(2) - pair[..., 2:].mean(2))
    return float(np.median(contrast)) / 160


class SquareSource:
    """The moving square at ``fps``; ``fail`` and ``stall`` break it while they are set."""

    name = "square"
    remark: str | None = None
    width, height = WIDTH, HEIGHT

    def __init__(self, fps: float = 60.0) -> None:
        self.fps = fps
        self.fail = threading.Event()
        self.stall = threading.Event()
        self.index = 0
        self.closed = 0

    def __call__(self) -> SquareSource:
        if self.fail.is_set():
            raise CameraError("the camera is unplugged")
        return self

    def read(self) -> Frame:
        time.sleep(1 / self.fps)
        while self.stall.is_set():
            time.sleep(0.01)
        if self.fail.is_set():
            raise CameraError("the camera is unplugged")
        self.index += 1
        return Frame(picture(self.index), self.index)

    def close(self) -> None:
        self.closed += 1


class SquareEngine:
    """Finds the white square, at the resolution that a network would have; ``behave`` may change
    the true alpha."""

    device = "cpu"
    precision = "fp32"

    def __init__(
        self, behave: Callable[[Alpha], Any] = lambda alpha: alpha, input_height: int = 160
    ) -> None:
        self.behave = behave
        self.input_height = input_height
        self.calls = 0

    def upload(self, image: Image) -> Any:
        return image

    def infer(self, pixels: Any) -> Any:
        self.calls += 1
        return self.behave(low_resolution(true_alpha(pixels), self.input_height))


def low_resolution(alpha: Alpha, rows: int) -> Alpha:
    """``alpha`` as a network with ``rows`` gives it: its columns are a multiple of 32. Raises
    RuntimeError for a picture that is too wide, like the real engine."""
    height, width = alpha.shape
    if width > 32 * height:
        raise RuntimeError("a picture too wide to find a person in")
    size = max(32, round(rows * width / height / 32) * 32), rows
    how = cv2.INTER_AREA if rows < height else cv2.INTER_LINEAR
    return cv2.resize(alpha, size, interpolation=how)


def backend_of(engine: SquareEngine, settings: EngineSettings | None = None) -> Backend:
    """What the daemon runs, but for its ``engine``: live matting, a governor, the compositor."""
    return load_backend(
        settings or EngineSettings(), Stats(), fps=lambda: 30.0, load_engine=lambda _: engine
    )


def output_on(open_sink: OpenSink, problems: Problems) -> tuple[Output, SinkKeeper]:
    """An output that may be raw; its sink is still to be opened."""
    keeper = SinkKeeper(open_sink, problems)
    return Output(keeper, Stats(), lambda _: True), keeper


def publisher_on(open_sink: OpenSink, problems: Problems, look: Look) -> tuple[Publisher, Outputs]:
    """A publisher without a pipeline around it; its output is still to be opened."""
    outputs = OutputsInStep({"": open_sink}, Preview(problems), problems, Stats(), lambda _: True)
    return Publisher(outputs, Stats(), problems, InForce(look, SHARP)), outputs


SHARP = MaskOptions(refine_edges=False, smoothing=0.0)


class RecordingSink:
    """Keeps every published picture with its time; fails while ``refuse`` is set."""

    name = "record"
    pixel_format: PixelFormat = "bgr"
    resizing: Resizing = "reopen"

    def __init__(self) -> None:
        self.published: list[tuple[float, Image]] = []
        self.opened: list[tuple[int, int]] = []
        self.refuse = threading.Event()
        self.closed = 0

    def __call__(self, width: int, height: int, fps: float) -> RecordingSink:
        if self.refuse.is_set():
            raise OutputError("the output is gone")
        self.opened.append((width, height))
        return self

    def publish(self, picture: Image) -> None:
        if self.refuse.is_set():
            raise OutputError("the output is gone")
        self.published.append((time.monotonic(), picture.copy()))

    def close(self) -> None:
        self.closed += 1

    def since(self, moment: float) -> list[Image]:
        return [picture for at, picture in list(self.published) if at >= moment]

    def after_order(self, count: int) -> list[Image]:
        """Those after the first ``count``, which were there at the order, and after the one more
        that may have been on its way into the sink by then."""
        return [picture for _, picture in list(self.published)[count + 1 :]]
