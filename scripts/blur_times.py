#!/usr/bin/env python3
"""The time of the picture without the network, for both kinds of blur: scripts/blur_times.py.

In milliseconds of processor time, blurred, composited and in I420 as virtual cameras take it; the
least and the median of 300, turn by turn, so that both meet the same machine.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import get_args

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bgblur.compositing.compositor import CpuCompositor
from bgblur.compositing.look import BlurKind, Look
from bgblur.environment import prepare_process
from bgblur.imaging.tiled import TiledAlpha
from bgblur.sources.demo import DemoSource

_TURNS = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--strength", type=int, default=60)
    wanted = parser.parse_args()
    prepare_process()  # as the command line does: memory that is freed is kept
    frame = DemoSource(wanted.width, wanted.height).picture(seconds=1.5)
    alpha = np.zeros(frame.shape[:2], np.float32)
    middle = wanted.width // 2, wanted.height * 2 // 3
    cv2.circle(alpha, middle, wanted.height // 3, 1.0, -1, cv2.LINE_AA)
    alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), 3), np.float32)
    compositor, tiled = CpuCompositor(), TiledAlpha.of(alpha)
    times: dict[BlurKind, list[float]] = {kind: [] for kind in get_args(BlurKind)}
    for _ in range(_TURNS):
        for kind, spent in times.items():
            look = Look(strength=wanted.strength, blur=kind)
            began = time.process_time()
            compositor.compose(frame, tiled, look, i420=True)
            spent.append((time.process_time() - began) * 1000)
    size = f"{wanted.width}x{wanted.height}, strength {wanted.strength}"
    for kind, spent in times.items():
        print(f"{kind:9} {size}: least {min(spent):.2f} ms, median {np.median(spent):.2f} ms")


if __name__ == "__main__":
    main()
