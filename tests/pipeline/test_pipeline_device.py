"""The pipeline of a GPU, run on the processor: tensors throughout, I420 at the end."""

from __future__ import annotations

import threading
import time
from typing import Any

import cv2
import numpy as np
import torch
from support.pipeline_parts import HEIGHT, WIDTH, RecordingSink, SquareEngine, true_alpha
from support.rig import Rig, leaks, running

from bgblur.compositing.compositor_torch import TorchCompositor
from bgblur.compositing.look import Look
from bgblur.frame import Image
from bgblur.pipeline.backend import Backend
from bgblur.pipeline.state import Part
from bgblur.segmentation.finder_torch import TorchFinder
from bgblur.segmentation.matting import Matting
from bgblur.sinks import PixelFormat
from bgblur.stats import Stats


class DeviceEngine(SquareEngine):
    """Gives tensors; NaN while ``broken``."""

    device = "cpu:0"  # to torch the processor, to the parts any other device

    def __init__(self) -> None:
        super().__init__()
        self.broken = threading.Event()

    def upload(self, image: Image) -> Any:
        return torch.from_numpy(image)

    def infer(self, pixels: Any) -> Any:
        alpha = torch.from_numpy(true_alpha(pixels.numpy()))
        return alpha * float("nan") if self.broken.is_set() else alpha


class PlanarSink(RecordingSink):
    """Takes I420 like a virtual camera; keeps it as BGR."""

    pixel_format: PixelFormat = "i420"

    def publish(self, picture: Image) -> None:
        assert picture.shape == (HEIGHT * 3 // 2, WIDTH)
        super().publish(cv2.cvtColor(picture, cv2.COLOR_YUV2BGR_I420))


OFTEN = 0.6  # a machine that stands still for a second has the next few pictures blurred


def device_rig(engine: DeviceEngine) -> Rig:
    def load() -> Backend:
        matting = Matting(engine, Stats(), late=True)
        matting._finder = TorchFinder(engine, Stats(), late=True)
        return Backend(matting, TorchCompositor("cpu"))

    rig = Rig(load=load, look=Look("blur", 60))
    rig.sink = PlanarSink()
    rig.pipeline.replace_sinks({"planar": rig.sink})
    return rig


def sharp_person(picture: Image) -> bool:
    """Whether the whole white square is visible."""
    white = (picture.min(axis=2) > 240).sum()
    return bool(abs(white - 40 * 40) < 200)


def test_the_person_is_shown_and_the_room_is_not() -> None:
    with running(device_rig(DeviceEngine())) as rig:
        rig.wait(lambda: rig.pipeline.stats.frames > 30)
        since = time.monotonic()
        rig.wait(lambda: len(rig.sink.since(since)) > 20)
        assert not leaks(rig.sink.since(0))
        assert np.mean([sharp_person(p) for p in rig.sink.since(since)]) > OFTEN


def test_a_preview_beside_the_camera_gets_bgr() -> None:
    with running(device_rig(DeviceEngine())) as rig:
        rig.wait(lambda: rig.pipeline.stats.frames > 10)
        preview = RecordingSink()
        rig.pipeline.replace_preview(lambda: preview)
        rig.wait(lambda: len(preview.published) > 10)
        rig.pipeline.replace_preview(None)
        rig.wait(lambda: preview.closed == 1)
        frames = rig.pipeline.stats.frames
        rig.wait(lambda: rig.pipeline.stats.frames > frames + 10)
        assert all(p.shape == (HEIGHT, WIDTH, 3) for p in preview.since(0))
        assert not leaks(preview.since(0))
        assert not leaks(rig.sink.since(0))


def test_an_output_of_another_format_takes_over() -> None:
    with running(device_rig(DeviceEngine())) as rig:
        rig.wait(lambda: rig.pipeline.stats.frames > 10)
        other = RecordingSink()
        rig.pipeline.replace_sinks({"other": other})
        rig.wait(lambda: len(other.published) > 10)
        assert all(p.shape == (HEIGHT, WIDTH, 3) for p in other.since(0))
        assert not leaks(other.since(0))


def test_an_engine_that_breaks_shows_nothing_of_the_room_and_comes_back() -> None:
    engine = DeviceEngine()
    with running(device_rig(engine)) as rig:
        rig.wait(lambda: rig.pipeline.stats.frames > 10)
        engine.broken.set()
        rig.wait(lambda: Part.MASK in rig.pipeline.problems)
        assert "not an alpha" in rig.pipeline.problems.now()[Part.MASK]
        rig.wait_state("no mask")
        engine.broken.clear()
        rig.wait_state("blurring")
        since = time.monotonic()
        rig.wait(lambda: len(rig.sink.since(since)) > 10)
        assert not leaks(rig.sink.since(0))
        assert np.mean([sharp_person(p) for p in rig.sink.since(since)]) > OFTEN
