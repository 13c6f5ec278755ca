"""The time of one frame from the camera's picture to the output, without any waiting."""

from __future__ import annotations

import time

import numpy as np

from bgblur.buffers import Buffers
from bgblur.config.settings import Settings
from bgblur.frame import Image
from bgblur.imaging.color import even, is_i420, to_i420
from bgblur.pipeline.build import load_backend, look_of, mask_of
from bgblur.sources import Source
from bgblur.stats import Stats

_PICTURES = 8  # different pictures, read before the measurement
_WARM_UP = 20  # frames, in which kernels are selected and graphs recorded
_FRAMES, _SECONDS = 200, 4.0  # limits of the measurement


def frame_times(settings: Settings, source: Source, input_height: int) -> dict[str, float]:
    """ "p50" and "p95" in milliseconds from a camera's picture to I420, as virtual cameras take it:
    upload, inference at ``input_height``, edges, smoothing, blur, colour and download, one frame
    after the other. The frames of ``source`` are read before the measurement."""
    fixed = settings.engine.model_copy(update={"input_height": input_height, "skip_static": False})
    backend = load_backend(fixed, Stats(), fps=lambda: settings.camera.fps)
    look, mask, buffers = look_of(settings), mask_of(settings), Buffers()

    def one(image: Image) -> float:
        began = time.perf_counter()
        pixels, alpha = backend.segment(image, mask)
        picture = backend.compositor.compose(pixels, alpha, look, began, i420=True)
        if not is_i420(picture):
            rows, columns = even(picture).shape[:2]
            to_i420(picture, buffers.take((rows * 3 // 2, columns), np.uint8))
        return (time.perf_counter() - began) * 1000

    try:
        pictures = [source.read().image for _ in range(_PICTURES)]
        for number in range(_WARM_UP):
            one(pictures[number % _PICTURES])
        times: list[float] = []
        while len(times) < _FRAMES and sum(times) < 1000 * _SECONDS:
            times.append(one(pictures[len(times) % _PICTURES]))
    finally:
        look.close()
    p50, p95 = np.percentile(times, (50, 95))
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2)}
