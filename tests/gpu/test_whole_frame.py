"""A frame's whole way on CUDA: every step of it ends up recorded."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from support.scenes import portrait
from support.torch_marks import needs_cuda

from bgblur.compositing.compositor_torch import TorchCompositor
from bgblur.compositing.look import Look
from bgblur.gpu.graph import GpuWork, Replay
from bgblur.gpu.stream import fetched
from bgblur.segmentation.engine_mirrored import MirroredEngine
from bgblur.segmentation.engine_torch import TorchEngine
from bgblur.segmentation.matting import Matting
from bgblur.segmentation.options import MaskOptions
from bgblur.stats import Stats

SIZES = [(1280, 720), (640, 480)]


@pytest.mark.gpu
@needs_cuda
def test_all_of_it_is_recorded_at_the_first_try(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made: list[Replay] = []
    real = Replay.__init__

    def noted(self: Replay, work: GpuWork, device: str) -> None:
        real(self, work, device)
        made.append(self)

    monkeypatch.setattr(Replay, "__init__", noted)
    caplog.set_level(logging.INFO)
    matting = Matting(TorchEngine(device="cuda"), Stats(), late=True)
    compositor = TorchCompositor("cuda")
    for width, height in SIZES:
        for i in range(20):
            frame = np.roll(portrait(width, height), 5 * i, axis=1)
            pixels, alpha = matting(frame, MaskOptions())
            planar = compositor.compose(pixels, alpha, Look("blur", 60), i420=True)
        assert planar.shape == (height * 3 // 2, width)
    assert "recorded" not in caplog.text
    # The finder, the edges and the room; nothing is laid over a picture here.
    recorded = sorted(len(replay._recorded) for replay in made)
    assert recorded == [0] + 3 * [len(SIZES)]


@pytest.mark.gpu
@needs_cuda
def test_the_mirrored_average_is_that_of_the_processor() -> None:
    """Recorded as a graph, for photos of different sizes in turn."""
    parts = [
        Matting(
            MirroredEngine(TorchEngine(device=device, precision="fp32", input_height=256)), Stats()
        )
        for device in ("cuda", "cpu")
    ]
    for i in range(3):
        for width, height in SIZES:
            frame = np.roll(portrait(width, height), 9 * i, axis=1)
            found, expected = (
                fetched(matting(frame, MaskOptions(smoothing=0.0))[1]) for matting in parts
            )
            assert np.abs(found - expected).mean() < 0.005
