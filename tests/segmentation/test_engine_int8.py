"""Which model, precision and kernels a processor gets where it multiplies in int8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from support.model_files import BRIGHT_AT_ITS_HEIGHT, write_model
from support.scenes import portrait
from support.torch_marks import needs_int8

from bgblur.errors import UsageError
from bgblur.segmentation import device_torch
from bgblur.segmentation.device_torch import choose_precision
from bgblur.segmentation.engine_torch import TorchEngine
from bgblur.segmentation.models import SHIPPED_MODELS

SHIPPED = SHIPPED_MODELS["unet-resnet18"]


@needs_int8
@pytest.mark.skipif(
    "onednn" not in torch.backends.quantized.supported_engines, reason="torch has no oneDNN here"
)
def test_int8_takes_the_kernels_that_are_faster() -> None:
    TorchEngine("unet-resnet18-int8", "cpu", "int8", 96)
    assert torch.backends.quantized.engine == "onednn"


@needs_int8
def test_auto_is_int8_on_a_processor() -> None:
    light = TorchEngine("auto", "cpu", "auto", 96)
    assert (light.device, light.precision) == ("cpu", "int8")
    same = TorchEngine("unet-resnet18-int8", "cpu", "int8", 96)
    full = TorchEngine("auto", "cpu", "fp32", 96)
    assert (same.precision, full.precision) == ("int8", "fp32")
    picture = portrait(320, 192)
    np.testing.assert_array_equal(light.infer(picture), same.infer(picture))
    assert 0 < np.abs(light.infer(picture) - full.infer(picture)).mean() < 0.01


def test_auto_goes_with_device_precision_and_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    int8 = SHIPPED_MODELS["unet-resnet18-int8"]
    monkeypatch.setattr(device_torch, "_multiplies_int8", lambda: True)
    assert device_torch.shipped_model("auto", "cpu") == int8
    assert device_torch.shipped_model("auto", "cpu", "int8") == int8
    for elsewhere in (("cpu", "fp32"), ("cpu", "bf16"), ("cuda:1", "auto"), ("mps", "auto")):
        assert device_torch.shipped_model("auto", *elsewhere) == SHIPPED
    monkeypatch.setattr(device_torch, "_multiplies_int8", lambda: False)
    assert device_torch.shipped_model("auto", "cpu") == SHIPPED
    assert device_torch.auto_precision("auto", "auto", "cpu") in ("fp32", "bf16")


def test_a_model_and_settings_that_disagree_about_int8(tmp_path: Path) -> None:
    int8 = str(SHIPPED_MODELS["unet-resnet18-int8"])
    with pytest.raises(UsageError, match=r'is int8: set engine.precision to "auto"'):
        TorchEngine(int8, "cpu", "fp32", 96)
    plain = str(write_model(tmp_path / "plain.ts", BRIGHT_AT_ITS_HEIGHT))
    with pytest.raises(UsageError, match=r"plain\.ts is not int8: .*--int8"):
        TorchEngine(plain, "cpu", "int8", 96)
    with pytest.raises(UsageError, match=r"needs a processor"):
        choose_precision("int8", "cuda")
