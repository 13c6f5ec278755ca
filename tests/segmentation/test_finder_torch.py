"""finder_torch decides as finder does, and makes nobody of what is no alpha."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from support.scenes import disc, portrait
from support.static_graph import StaticRecorded, record_here
from support.torch_marks import needs_cuda

from bgblur.frame import Alpha, Image
from bgblur.gpu.stream import fetched, on_stream
from bgblur.segmentation.engine_torch import TorchEngine
from bgblur.segmentation.finder import HostFinder
from bgblur.segmentation.finder_torch import TorchFinder
from bgblur.segmentation.matting import Matting
from bgblur.segmentation.options import MaskOptions
from bgblur.stats import Stats

IMAGE = portrait(160, 96)


class Grey:
    """The frame's first channel is its alpha: an engine that is a function of what it is given."""

    precision, input_height = "fp32", 96

    def __init__(self, device: str = "cpu", convert: Callable[[Any], Any] = lambda a: a) -> None:
        self.device, self._convert = device, convert

    def upload(self, image: Image) -> Any:
        return torch.from_numpy(image).to(self.device)

    def infer(self, pixels: Any) -> Any:
        return self._convert(pixels[..., 0].float() / 255)


class GreyArray(Grey):
    def infer(self, pixels: Any) -> Any:
        return (pixels[..., 0].float() / 255).numpy()


def frame_of(alpha: Alpha) -> Image:
    return np.repeat(np.rint(alpha * 255).astype(np.uint8)[..., None], 3, axis=2)


def moving_people(frames: int, seed: int) -> list[Image]:
    """Somebody certain, somebody who becomes uncertain, and what comes and goes."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(frames):
        alpha = np.roll(disc(160, 96), 2 * i, axis=1) * (0.99 if i % 7 else 0.8)
        noise = cv2.GaussianBlur(rng.random((96, 160), np.float32), (0, 0), 4)
        noise = cv2.normalize(noise, None, 0, float(rng.uniform(0.3, 1)), cv2.NORM_MINMAX)
        made.append(frame_of(np.maximum(alpha, noise).clip(0, 1)))
    return made


@pytest.mark.parametrize("smoothing", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("recorded", [False, True])
def test_torch_keeps_the_same_regions_as_the_processor(
    smoothing: float, recorded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if recorded:
        record_here(monkeypatch)
    here, there = HostFinder(GreyArray(), Stats()), TorchFinder(Grey(), Stats(), late=True)
    for i, frame in enumerate(moving_people(60, 3)):
        passed = 1 + i % 4
        pixels = torch.from_numpy(frame)
        wanted = here(frame, pixels, smoothing, passed)
        np.testing.assert_allclose(there(frame, pixels, smoothing, passed), wanted, atol=1e-5)
        if i == 40:
            here.reset()
            there.reset()
    if recorded:
        assert StaticRecorded.made == 1


def test_another_height_starts_again() -> None:
    finder = TorchFinder(Grey(), Stats(), late=True)
    for size in ((160, 96), (320, 192), (160, 96)):
        frame = frame_of(disc(*size))
        found = finder(frame, torch.from_numpy(frame), 1.0, 1)
        np.testing.assert_allclose(found, frame[..., 0] / np.float32(255), atol=1e-6)


BAD: list[Callable[[Any], Any]] = [
    lambda a: a * float("nan"),
    lambda a: a + torch.where(a == a.max(), float("inf"), 0.0),
    lambda a: 20 * a - 10,  # logits
    lambda a: a - 0.5,
]


@pytest.mark.parametrize("spoil", BAD)
@pytest.mark.parametrize("recorded", [False, True])
def test_an_invalid_alpha_becomes_zero_and_is_reported(
    spoil: Callable[[Any], Any], recorded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if recorded:
        record_here(monkeypatch)
    bad = torch.zeros(())  # not a setting of the work: what a broken device does, it does unasked
    engine = Grey(convert=lambda a: torch.where(bad > 0, spoil(a), a))
    finder = TorchFinder(engine, Stats(), late=True)
    frame = frame_of(disc(160, 96))
    pixels = torch.from_numpy(frame)
    for _ in range(12):
        assert float(finder(frame, pixels, 0.5, 1).max()) == 1
    bad.fill_(1)
    assert float(finder(frame, pixels, 0.5, 1).max()) == 0  # nobody: the whole frame is blurred
    for _ in range(3):
        with pytest.raises(RuntimeError, match="not an alpha"):
            finder(frame, pixels, 0.5, 1)
    bad.fill_(0)
    with pytest.raises(RuntimeError, match="not an alpha"):
        finder(frame, pixels, 0.5, 1)
    # What was no alpha left no trace in the mean.
    np.testing.assert_allclose(
        finder(frame, pixels, 0.5, 1), frame[..., 0] / np.float32(255), atol=1e-6
    )


def test_an_invalid_alpha_is_reported_at_once_unless_late() -> None:
    finder = TorchFinder(Grey(convert=lambda a: a * float("nan")), Stats(), late=False)
    with pytest.raises(RuntimeError, match="not an alpha"):
        finder(IMAGE, torch.from_numpy(IMAGE), 0.5, 1)


@pytest.mark.parametrize("convert", [lambda a: a.T, lambda a: a[None], lambda a: a[:0]])
def test_another_aspect_ratio_is_refused_at_once(convert: Callable[[Any], Any]) -> None:
    finder = TorchFinder(Grey(convert=convert), Stats(), late=True)
    with pytest.raises(RuntimeError, match="the model gave"):
        finder(IMAGE, torch.from_numpy(IMAGE), 0.5, 1)


@pytest.mark.gpu
@needs_cuda
def test_cuda_keeps_the_same_regions_as_the_processor() -> None:
    here, there = HostFinder(GreyArray(), Stats()), TorchFinder(Grey("cuda"), Stats(), late=True)
    for frame in moving_people(60, 3):
        pixels = torch.from_numpy(frame)
        wanted = here(frame, pixels, 0.5, 1)
        on_device = pixels.cuda()
        torch.cuda.synchronize()  # it was put there by way of another stream
        with on_stream("cuda"):  # as Matting does
            found = there(frame, on_device, 0.5, 1)
        np.testing.assert_allclose(fetched(found), wanted, atol=1e-5)


@pytest.mark.gpu
@needs_cuda
def test_a_frame_on_cuda_waits_once_and_allocates_nothing() -> None:
    matting = Matting(TorchEngine(device="cuda"), Stats(), late=True)
    frames = [np.roll(portrait(1280, 720), 5 * i, axis=1) for i in range(60)]
    for frame in frames[:30]:
        _, alpha = matting(frame, MaskOptions())  # kept until the next one, as below
    torch.cuda.synchronize()
    taken = torch.cuda.memory_stats()["num_device_alloc"]
    torch.cuda.set_sync_debug_mode("error")  # raises where torch itself waits for the device
    try:
        for frame in frames[30:]:
            _, alpha = matting(frame, MaskOptions())
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.cuda.memory_stats()["num_device_alloc"] == taken
    assert fetched(alpha).mean() > 0.05
