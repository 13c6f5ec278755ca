#!/usr/bin/env python3
"""The processor time of each stage of a live frame without the network: scripts/stage_times.py.

In milliseconds, the least and the median of 240 frames of a moving picture, from the camera's BGR
to I420 as virtual cameras take it, with OpenCV on one thread. The network is asked once for each
picture, before; its alphas are given again then. The sizes are measured turn by turn, so that what
else the machine does meets all of them.
"""

from __future__ import annotations

import argparse
import sys
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bgblur.compositing.compositor import CpuCompositor
from bgblur.compositing.look import Look
from bgblur.environment import prepare_process
from bgblur.imaging.cover import cover
from bgblur.media.reader import VideoReader
from bgblur.segmentation.engine_openvino import OpenVinoEngine
from bgblur.segmentation.live import LiveMatting
from bgblur.segmentation.options import MaskOptions
from bgblur.sources.demo import DemoSource
from bgblur.stats import Stats

_PICTURES, _FRAMES, _TURN = 24, 240, 8
_SIZES = ["640x360", "1280x720", "1920x1080"]


class _Recorded:
    """An engine that gives the alphas of another one, found before."""

    device, precision = "cpu", "int8"

    def __init__(self, engine: OpenVinoEngine, pictures: list[Any]) -> None:
        self.input_height = engine.input_height
        self.now = 0
        self._alphas = [np.array(engine.infer(picture)) for picture in pictures]

    def upload(self, image: Any) -> Any:
        return image

    def infer(self, pixels: Any) -> Any:
        return self._alphas[self.now]


class _Measured:
    def __init__(self, size: str, clip: Path | None, engine: OpenVinoEngine, look: Look) -> None:
        width, height = map(int, size.split("x"))
        if clip is None:
            demo = DemoSource(width, height)
            self._pictures = [demo.picture(number / 30) for number in range(_PICTURES)]
        else:
            frames = (image for image, _ in islice(VideoReader(clip), _PICTURES))
            self._pictures = [cover(frame, width, height) for frame in frames]
        self.stats = Stats(clock=time.thread_time)
        self.totals: list[float] = []
        self._engine, self._look = _Recorded(engine, self._pictures), look
        self._matting = LiveMatting(self._engine, self.stats, None, skip_static=False)
        self._compositor = CpuCompositor()
        count = len(self._pictures)
        self._order = cycle([*range(count), *range(count - 2, 0, -1)])

    def turn(self) -> None:
        for _ in range(_TURN):
            self._engine.now = next(self._order)
            began = time.thread_time()
            taken = self._matting(self._pictures[self._engine.now], MaskOptions())
            with self.stats.stage("blur"):
                self._compositor.compose(*taken, self._look, i420=True)
            self.totals.append(1000 * (time.thread_time() - began))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--size", action="append", help="WIDTHxHEIGHT; may be repeated")
    parser.add_argument("--clip", type=Path, help="a clip of somebody who moves; else the demo")
    parser.add_argument("--input-height", type=int, default=224)
    parser.add_argument("--strength", type=int, default=60)
    wanted = parser.parse_args()
    prepare_process()  # keeps freed memory, as the daemon does
    cv2.setNumThreads(1)
    sizes, look = wanted.size or _SIZES, Look(strength=wanted.strength)
    engine = OpenVinoEngine(input_height=wanted.input_height)
    measured = [_Measured(size, wanted.clip, engine, look) for size in sizes]
    for _ in range(_FRAMES // _TURN):
        for one in measured:
            one.turn()
    for size, one in zip(sizes, measured, strict=True):
        least, middle = min(one.totals), float(np.median(one.totals))
        print(f"{size}: least {least:.2f} ms, median {middle:.2f} ms, of which")
        stages: Any = one.stats.snapshot()["stages_ms"]
        print(", ".join(f"{name} {of['p50']:.2f}" for name, of in stages.items() if of["p50"] > 0))


if __name__ == "__main__":
    main()
