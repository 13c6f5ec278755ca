"""The shipped model in torch's engine, on the processor and on CUDA."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from support.model_files import write_model
from support.scenes import portrait
from support.torch_marks import needs_cuda, needs_int8

from bgblur.gpu.stream import fetched, on_stream
from bgblur.segmentation import device_torch
from bgblur.segmentation.engine_torch import TorchEngine


@pytest.fixture(scope="module")
def shipped() -> TorchEngine:
    return TorchEngine(device="cpu", precision="fp32")


SIZES = [(640, 360), (641, 361), (1280, 720), (360, 640), (333, 500), (64, 48), (1000, 120)]


@pytest.mark.parametrize("size", SIZES)
def test_shipped_model_takes_any_size(shipped: TorchEngine, size: tuple[int, int]) -> None:
    alpha = shipped.infer(portrait(*size))
    wide = round(160 * size[0] / size[1] / 32) * 32
    assert alpha.shape == (160, max(32, wide))
    assert alpha.dtype == np.float32
    assert np.isfinite(alpha).all()
    assert 0 <= alpha.min() <= alpha.max() <= 1


def test_shipped_model_finds_a_person(shipped: TorchEngine) -> None:
    alpha = shipped.infer(portrait(512, 512))
    rows, columns = alpha.shape
    face = alpha[rows * 5 // 32 : rows * 10 // 32, columns * 12 // 32 : columns * 16 // 32]
    corner = alpha[: rows // 10, -columns // 10 :]
    assert face.mean() > 0.9
    assert corner.mean() < 0.1


@pytest.mark.parametrize("height", [96, 128, 288])
def test_input_height_is_what_was_asked_for(height: int) -> None:
    engine = TorchEngine(device="cpu", precision="fp32", input_height=height)
    assert engine.input_height == height
    assert engine.infer(portrait(640, 360)).shape[0] == height


@pytest.mark.parametrize("model", [None, pytest.param("unet-resnet18-int8", marks=needs_int8)])
def test_alpha_on_the_cpu_is_the_same_without_optimisation(
    shipped: TorchEngine, model: str | None
) -> None:
    here = TorchEngine(model, "cpu") if model else shipped
    image = portrait(640, 360)
    with torch.inference_mode():
        for _ in range(3):  # it profiles twice
            optimised = here._module(torch.from_numpy(image), 160)
    assert np.array_equal(here.infer(image), optimised.numpy())


def test_bf16_agrees_with_fp32(shipped: TorchEngine) -> None:
    bf16 = TorchEngine(device="cpu", precision="bf16")
    for size in ((512, 512), (641, 361), (360, 640)):
        apart = np.abs(shipped.infer(portrait(*size)) - bf16.infer(portrait(*size)))
        assert apart.max() < 0.1
        assert apart.mean() < 0.01


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_cuda_agrees_with_the_cpu(precision: str) -> None:
    here = TorchEngine(device="cpu", precision="fp32", input_height=288)
    there = TorchEngine(device="cuda", precision=precision)
    assert there.input_height == 288
    for size in ((640, 360), (641, 361), (360, 640)):
        image = portrait(*size)
        with on_stream("cuda"):  # as Matting does
            alpha = there.infer(there.upload(image))
        assert alpha.is_cuda
        apart = np.abs(here.infer(image) - fetched(alpha))
        assert apart.mean() < 0.01


@pytest.mark.gpu
@needs_cuda
def test_auto_is_cuda_in_half_precision() -> None:
    engine = TorchEngine()
    assert (engine.device, engine.precision, engine.input_height) == ("cuda", "fp16", 288)


def test_a_model_may_name_its_fastest_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setattr(device_torch, "bf16_is_faster", lambda: True)
    body = "    return image.float()[:, :, 0] / 255"
    contract = '{"version": 1, "cpu_precision": "fp32"}'
    path = str(write_model(tmp_path / "knows.ts", body, contract))
    with monkeypatch.context() as patch:
        patch.setattr(device_torch, "bf16_is_faster", lambda: pytest.fail("it takes time to try"))
        assert TorchEngine(path, "cpu", "auto", 96).precision == "fp32"
    assert TorchEngine(path, "cpu", "bf16", 96).precision == "bf16"  # the user's word counts
    plain = str(write_model(tmp_path / "plain.ts", body))
    assert TorchEngine(plain, "cpu", "auto", 96).precision == "bf16"
