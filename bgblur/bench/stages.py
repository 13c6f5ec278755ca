"""The processor time of each stage of a live frame, without capture and network.

From the camera's BGR to I420, as virtual cameras take it, with OpenCV on one thread. The network is
asked once for each picture, before; its alphas are given again then. Sizes are measured turn by
turn, so that what else the machine does meets all of them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np

from bgblur.compositing.compositor import CpuCompositor
from bgblur.compositing.look import Look
from bgblur.frame import Alpha, Image
from bgblur.imaging.cover import cover
from bgblur.media.reader import VideoReader
from bgblur.segmentation.engine import Engine
from bgblur.segmentation.engine_openvino import OpenVinoEngine
from bgblur.segmentation.live import LiveMatting
from bgblur.segmentation.options import MaskOptions
from bgblur.sources.demo import DemoSource
from bgblur.stats import Stats

_PICTURES, _TURN = 24, 8


class _Recorded:
    """An engine that gives the alphas of another one, found before."""

    device, precision = "cpu", "int8"

    def __init__(self, engine: Engine, pictures: Sequence[Image]) -> None:
        self.input_height = engine.input_height
        self.now = 0
        self._alphas = [np.array(engine.infer(picture)) for picture in pictures]

    def upload(self, image: Image) -> Image:
        return image

    def infer(self, pixels: Any) -> Alpha:
        return self._alphas[self.now]


class _Measured:
    def __init__(self, pictures: Sequence[Image], engine: Engine, look: Look) -> None:
        self.stats = Stats(clock=time.thread_time)
        self.totals: list[float] = []
        self._pictures, self._look = pictures, look
        self._engine = _Recorded(engine, pictures)
        self._matting = LiveMatting(self._engine, self.stats, None, skip_static=False)
        self._compositor = CpuCompositor()
        # Forwards and backwards: nobody jumps.
        self._order = cycle([*range(len(pictures)), *range(len(pictures) - 2, 0, -1)])

    def turn(self) -> None:
        for _ in range(_TURN):
            self._engine.now = next(self._order)
            began = time.thread_time()
            taken = self._matting(self._pictures[self._engine.now], MaskOptions())
            with self.stats.stage("blur"):
                self._compositor.compose(*taken, self._look, i420=True)
            self.totals.append(1000 * (time.thread_time() - began))


def stage_times(
    sizes: Sequence[tuple[int, int]],
    clip: Path | None,
    input_height: int,
    strength: int,
    frames: int = 240,
) -> list[dict[str, float]]:
    """For each of the ``sizes``, (width, height), in milliseconds: "least" and "median" of a frame,
    and the median of each stage; about so many ``frames``, of the demo where there is no ``clip``.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        engine, look = OpenVinoEngine(input_height=input_height), Look(strength=strength)
        measured = [_Measured(_moving(*size, clip), engine, look) for size in sizes]
        for _ in range(-(-frames // _TURN)):
            for one in measured:
                one.turn()
    finally:
        cv2.setNumThreads(threads)
    return [
        {"least": min(one.totals), "median": median(one.totals), **_medians(one.stats)}
        for one in measured
    ]


def _moving(width: int, height: int, clip: Path | None) -> list[Image]:
    if clip is None:
        demo = DemoSource(width, height)
        return [demo.picture(number / 30) for number in range(_PICTURES)]
    return [cover(image, width, height) for image, _ in islice(VideoReader(clip), _PICTURES)]


def _medians(stats: Stats) -> dict[str, float]:
    stages: Any = stats.snapshot()["stages_ms"]
    return {name: float(of["p50"]) for name, of in stages.items() if name != "inference"}
