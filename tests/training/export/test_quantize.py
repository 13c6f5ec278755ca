"""int8: exact enough for outlines, from any network of ours and any pictures."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from support.scenes import portrait
from support.training.data import write_tree
from torch import nn

from bgblur.errors import ModelError
from bgblur.segmentation.contract import Contract, contract_of
from bgblur.segmentation.engine_torch import TorchEngine
from bgblur.segmentation.models import SHIPPED_MODELS
from bgblur.training.data.sets import Collection
from bgblur.training.data.split import load_collections
from bgblur.training.export import export as exporting
from bgblur.training.export.export import differences, publish
from bgblur.training.export.quantize import calibration, quantized
from bgblur.training.fit.finetune import load_start

EXPORT = Path(__file__).resolve().parents[3] / "scripts" / "export.py"

pytestmark = pytest.mark.skipif(
    torch.backends.quantized.engine not in ("x86", "fbgemm", "onednn"),
    reason="torch has no int8 kernels for this processor",
)


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return load_collections(write_tree(tmp_path_factory.mktemp("data")))[0]


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return load_start(SHIPPED_MODELS["unet-resnet18"]).network.requires_grad_(False).eval()


def photos() -> list[torch.Tensor]:
    """Only the portrait, which is enough for these tests."""
    from bgblur.segmentation.network import normalise

    rgb = np.ascontiguousarray(portrait(288, 160)[..., ::-1].transpose(2, 0, 1))
    return [normalise(torch.from_numpy(rgb)[None].float())]


def test_calibration_is_the_same_each_time_and_of_every_size(collection: Collection) -> None:
    one, other = (list(calibration(collection, 8)) for _ in range(2))
    assert len({tuple(images.shape) for images in one}) == 4
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_int8_alpha_is_nearly_the_same(network: nn.Module) -> None:
    converted = quantized(copy.deepcopy(network), photos())
    kinds = {type(module).__module__.split(".")[-3] for module in converted.modules()}
    assert any("quantized" in type(module).__module__ for module in converted.modules()), kinds
    assert not any(type(module) is nn.Conv2d for module in converted.modules())
    with torch.inference_mode():
        apart = (converted(photos()[0]).sigmoid() - network(photos()[0]).sigmoid()).abs()
    assert 0 < apart.mean() < 0.01


def test_every_relu_is_fused(network: nn.Module) -> None:
    """Otherwise the range of a ReLU's input has negative values that are never used."""
    converted = quantized(copy.deepcopy(network), photos())
    rectified = [name for name, module in converted.named_modules() if "ReLU" in str(type(module))]
    assert len(rectified) == 19  # of 31 convolutions; another 8 ReLUs follow a sum
    assert not any(type(module) in (nn.ReLU, nn.Identity) for module in converted.modules())


def test_logits_are_finer_than_other_activations(network: nn.Module) -> None:
    """One level at the steepest part of alpha moves no outline."""
    converted = quantized(copy.deepcopy(network), photos())
    with torch.inference_mode():
        alphas = converted(photos()[0]).sigmoid().unique()
    assert alphas.diff().max() < 1 / 60
    assert alphas[0] < 0.5 / 255
    assert alphas[-1] > 1 - 0.5 / 255


def test_published_and_run(network: nn.Module, tmp_path: Path) -> None:
    target = tmp_path / "own.ts"
    published = publish(network, target, Contract(note="how"), photos())
    assert published.difference <= exporting.INT8_TOLERANCE
    assert published.size < 0.6 * SHIPPED_MODELS["unet-resnet18"].stat().st_size
    assert contract_of(target).note == "how"
    assert float(differences(network, target, [portrait(320, 192)]).mean()) < 0.01
    engine = TorchEngine(str(target), "cpu", "auto", 96)
    assert engine.precision == "int8"
    for size in ((160, 96), (301, 403), (64, 640)):
        assert engine.infer(portrait(*size)).max() <= 1


def test_a_network_that_does_not_fit_is_not_published(
    network: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "INT8_TOLERANCE", 1e-9)
    with pytest.raises(ModelError, match="do not fit int8"):
        publish(network, tmp_path / "own.ts", Contract(), photos())
    assert not list(tmp_path.glob("*own*"))


def test_the_shipped_int8_model_comes_from_the_shipped_network() -> None:
    first, other = (
        contract_of(SHIPPED_MODELS[name]) for name in ("unet-resnet18", "unet-resnet18-int8")
    )
    assert (first.note, first.stages, first.model) == (other.note, other.stages, other.model)


@pytest.mark.slow
def test_the_command_converts_an_exported_model(tmp_path: Path) -> None:
    target = tmp_path / "own.ts"
    data = write_tree(tmp_path / "data")
    done = subprocess.run(
        [
            *(sys.executable, EXPORT, SHIPPED_MODELS["unet-resnet18"], target),
            *("--int8", "--data", data, "--pictures", "8"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "in the mean of the network's" in done.stdout
    assert TorchEngine(str(target), "cpu", "int8", 96).precision == "int8"
