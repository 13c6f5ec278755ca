"""One side of a comparison, in its own process: ``side.py bgblur`` or ``side.py mediapipe``.

The same loop measures both sides. The peer runs this file in an environment without bgblur, so
nothing of bgblur is imported at the top.

Input and output are lines of JSON. The first output line describes the side. Then each job
``{"frames": FRAMES.npy}`` is answered with ``{"seconds", "cpu_seconds"}``. A job with ``"alphas":
PREFIX`` is not timed: it writes the alphas of each kind to PREFIX_KIND.npy, ``uint8`` (N, H, W).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any

import cv2
import numpy as np

Result = tuple[Any, dict[str, Any]]  # the picture, and its alphas by kind
SegmentClip = Callable[[Iterable[Any]], Iterator[Result]]  # BGR frames of one clip, in order


def bgblur(options: dict[str, Any]) -> tuple[SegmentClip, dict[str, Any]]:
    """bgblur as it blurs a video with ``--quality fast``: segmentation and compositing run in
    parallel."""
    from bgblur.config.overrides import Overrides
    from bgblur.config.settings import Settings
    from bgblur.offline.overlap import ahead
    from bgblur.offline.processor import Processor

    processor = Processor(Overrides(options, Settings()).over(Settings()))
    backend = processor.load()

    def clip(frames: Iterable[Any]) -> Iterator[Result]:
        processor.restart()
        with closing(ahead(processor.segment(frame) for frame in frames)) as segmented:
            for found in segmented:
                picture, alpha = processor.compose(found)
                yield picture, {"bgblur": alpha}

    about = f"{backend.device} {backend.precision}, input height {backend.input_height}"
    return clip, {"about": about}


def mediapipe(options: dict[str, Any]) -> tuple[SegmentClip, dict[str, Any]]:
    """MediaPipe's landscape selfie segmentation, with the default steps of
    Linux-Fake-Background-Webcam: threshold 0.75, dilation, box blur, running mean of the masks, a
    Gaussian of 21 taps for the room, a linear blend."""
    import mediapipe as mp

    network = mp.solutions.selfie_segmentation.SelfieSegmentation(model_selection=1)
    grown = np.ones((5, 5), np.uint8)

    def clip(frames: Iterable[Any]) -> Iterator[Result]:
        mean: Any = None
        for frame in frames:
            soft = network.process(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)).segmentation_mask
            _, mask = cv2.threshold(soft, 0.75, 1, cv2.THRESH_BINARY)
            mask = cv2.blur(cv2.dilate(mask, grown), (10, 10))
            mean = mask if mean is None else cv2.accumulateWeighted(mask, mean, 0.5)
            room = cv2.GaussianBlur(frame, (21, 21), 7)
            yield (
                cv2.blendLinear(frame, room, mean, 1 - mean),
                {"mediapipe": mean, "mediapipe, soft": soft},
            )

    return clip, {"about": f"MediaPipe {mp.__version__}, landscape model, cpu fp32"}


def serve(clip: SegmentClip, jobs: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield the answers to ``jobs``, lines of JSON."""
    for line in jobs:
        job = json.loads(line)
        frames = list(np.load(job["frames"]))
        if "alphas" in job:
            _keep(clip(frames), job["alphas"])
            yield {}
            continue
        cpu, began = time.process_time(), time.perf_counter()
        for _ in clip(frames):
            pass
        seconds = time.perf_counter() - began
        yield {"seconds": seconds, "cpu_seconds": time.process_time() - cpu}


def _keep(results: Iterator[Result], prefix: str) -> None:
    kinds: dict[str, list[Any]] = {}
    for _, alphas in results:
        for kind, alpha in alphas.items():
            kinds.setdefault(kind, []).append((255 * alpha + 0.5).astype(np.uint8))
    for kind, planes in kinds.items():
        np.save(f"{prefix}_{kind}.npy", np.stack(planes))


def main() -> None:
    sides = {"bgblur": bgblur, "mediapipe": mediapipe}
    clip, description = sides[sys.argv[1]](json.loads(sys.argv[2]))
    print(json.dumps(description), flush=True)
    for answer in serve(clip, sys.stdin):
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
