"""Both compositors give the same picture, within 2 levels of 255."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.scenes import disc, levels_apart, portrait
from support.static_graph import StaticRecorded, record_here
from support.torch_marks import needs_cuda

from bgblur.compositing.compositor import CpuCompositor
from bgblur.compositing.compositor_torch import TorchCompositor
from bgblur.compositing.look import BlurKind, Look, Mode
from bgblur.frame import Alpha, Image
from bgblur.imaging.color import to_i420

CPU, TORCH = CpuCompositor(), TorchCompositor("cpu")
APART = 2


def random_image(rng: np.random.Generator, width: int, height: int, sigma: float) -> Image:
    """Noise with detail ``sigma`` pixels large, over the whole range of values."""
    noise = cv2.GaussianBlur(rng.random((height, width, 3), np.float32), (0, 0), sigma + 0.1)
    spread = float(np.ptp(noise)) or 1.0
    return np.rint((noise - noise.min()) / spread * 255).astype(np.uint8)


def random_alpha(rng: np.random.Generator, width: int, height: int, kind: str) -> Alpha:
    if kind == "smooth":
        plane = random_image(rng, width, height, 6)[..., 0] / np.float32(255)
        return (2 * plane - 0.5).clip(0, 1)
    if kind == "hard":
        return (rng.random((height, width)) > rng.random()).astype(np.float32)
    if kind == "threshold":  # where the weight of the room reaches zero
        return (0.05 + rng.uniform(-1e-6, 1e-6, (height, width))).astype(np.float32)
    return np.full((height, width), float(kind), np.float32)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    width=st.integers(1, 230),
    height=st.integers(1, 230),
    strength=st.integers(0, 100),
    mode=st.sampled_from(["blur", "blur", "image", "color", "none"]),
    mirror=st.booleans(),
    sigma=st.floats(0, 8),
    kind=st.sampled_from(["smooth", "smooth", "hard", "threshold", "0", "1", "0.5"]),
    light_wrap=st.sampled_from([0.0, 0.3, 1.0]),
    blur=st.sampled_from(["gaussian", "lens"]),
)
@example(0, 183, 24, 24, "blur", False, 0.5, "threshold", 0.0, "gaussian")
@example(0, 66, 26, 72, "blur", False, 0.5, "0.5", 0.0, "gaussian")
@example(0, 2, 92, 76, "blur", False, 0.0, "hard", 0.0, "gaussian")  # 92 lines do not halve to 45
@example(0, 1, 1, 100, "blur", True, 1.0, "1", 0.0, "gaussian")
@example(0, 230, 190, 60, "blur", False, 0.5, "threshold", 0.0, "lens")
@example(0, 3, 180, 1, "blur", True, 0.0, "hard", 0.0, "lens")
@example(0, 1, 1, 100, "blur", True, 1.0, "1", 0.0, "lens")
def test_cpu_and_torch_agree(
    seed: int,
    width: int,
    height: int,
    strength: int,
    mode: Mode,
    mirror: bool,
    sigma: float,
    kind: str,
    light_wrap: float,
    blur: BlurKind,
) -> None:
    rng = np.random.default_rng(seed)
    frame = random_image(rng, width, height, sigma)
    alpha = random_alpha(rng, width, height, kind)
    picture = random_image(rng, 50, 40, 2)
    look = Look(mode, strength, (10, 120, 250), picture, mirror, light_wrap, blur=blur)
    composed = [compositor.compose(frame, alpha, look) for compositor in (CPU, TORCH)]
    assert levels_apart(*composed).max() <= APART
    planar = TORCH.compose(frame, alpha, look, i420=True)
    np.testing.assert_array_equal(planar, to_i420(composed[1]))
    assert levels_apart(CPU.obscure(frame, look), TORCH.obscure(frame, look)).max() <= APART


@pytest.mark.parametrize("blur", ["gaussian", "lens"])
@pytest.mark.parametrize("strength", [20, 60, 100])
def test_agree_on_a_photo(strength: int, blur: BlurKind) -> None:
    frame, alpha = portrait(641, 361), disc(641, 361, 6)
    look = Look("blur", strength, blur=blur)
    assert (
        levels_apart(CPU.compose(frame, alpha, look), TORCH.compose(frame, alpha, look)).max() <= 2
    )


def test_torch_accepts_tensors_and_arrays() -> None:
    frame, alpha = portrait(160, 90), disc(160, 90)
    tensors = torch.from_numpy(frame), torch.from_numpy(alpha)
    for look in (Look("blur", 60), Look("none"), Look("color", mirror=True)):
        np.testing.assert_array_equal(
            TORCH.compose(*tensors, look), TORCH.compose(frame, alpha, look)
        )


LOOKS = [
    Look("blur", 10),
    Look("blur", 60, mirror=True),
    Look("blur", 60, blur="lens"),
    Look("color"),
    Look("image", picture=portrait(200, 150), light_wrap=0.5),
]


@pytest.mark.parametrize("look", LOOKS)
def test_recorded_work_gives_the_same(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    record_here(monkeypatch)
    recorded = TorchCompositor("cpu")
    for i in range(20):
        frame, alpha = np.roll(portrait(160, 90), 3 * i, axis=1), np.roll(disc(160, 90), i, axis=1)
        np.testing.assert_array_equal(
            recorded.compose(frame, alpha, look), TORCH.compose(frame, alpha, look)
        )
    assert StaticRecorded.made == 1


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize("look", LOOKS)
def test_cuda_agrees_with_the_cpu(look: Look) -> None:
    cuda = TorchCompositor("cuda")
    for i in range(20):  # asked for step by step, then as a graph
        frame = np.roll(portrait(1280, 720), 3 * i, axis=1)
        alpha = np.roll(disc(1280, 720, 6), i, axis=1)
        on_device = torch.from_numpy(frame).cuda(), torch.from_numpy(alpha).cuda()
        torch.cuda.synchronize()  # they were put there by way of another stream
        wanted = CPU.compose(frame, alpha, look)
        # Convolutions in TF32 would still be within this.
        assert levels_apart(wanted, cuda.compose(*on_device, look)).max() <= 2
        planar = cuda.compose(*on_device, look, i420=True)
        assert levels_apart(to_i420(wanted), planar).max() <= 4
    assert levels_apart(CPU.obscure(frame, look), cuda.obscure(on_device[0], look)).max() <= 2
