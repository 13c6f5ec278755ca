from __future__ import annotations

import copy
import hashlib
import subprocess
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bgblur.errors import ModelError
from bgblur.segmentation.contract import Contract, contract_of
from bgblur.segmentation.engine_torch import TorchEngine
from bgblur.segmentation.network import build_network
from bgblur.training.export import export as exporting
from bgblur.training.export.export import (
    enter_sum,
    export,
    fold_batch_norms,
    max_difference,
    parity_images,
    publish,
)


def batch_norms(module: nn.Module) -> list[nn.BatchNorm2d]:
    return [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """Random weights, with batch norms that are not the identity."""
    torch.manual_seed(0)
    built = build_network()
    for norm in batch_norms(built):
        nn.init.uniform_(norm.weight, 0.7, 1.3)
        nn.init.normal_(norm.bias, std=0.1)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        nn.init.normal_(norm.running_mean, std=0.1)
        nn.init.uniform_(norm.running_var, 0.7, 1.3)
    return built.eval()


@pytest.fixture(scope="module")
def exported(network: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.ts"
    export(network, path, Contract(note="how it was made"))
    return path


def load(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.load(str(path)).eval()


def test_folding_is_exact(network: nn.Module) -> None:
    folded = fold_batch_norms(copy.deepcopy(network))
    assert len(batch_norms(network)) > 20
    assert not batch_norms(folded)
    images = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = network(images)
        torch.testing.assert_close(folded(images), expected, atol=1e-5, rtol=1e-4)
    assert expected.std() > 1e-3  # an all-zero network would prove nothing


def test_a_norm_that_follows_no_convolution_stays() -> None:
    module = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1), nn.ReLU(), nn.BatchNorm2d(4))
    assert len(batch_norms(fold_batch_norms(module.eval()))) == 2


def test_alpha_is_that_of_the_network(network: nn.Module, exported: Path) -> None:
    assert max_difference(network, exported, parity_images()) <= 1e-2


def test_a_difference_is_found(network: nn.Module, exported: Path) -> None:
    other = copy.deepcopy(network)
    head = next(m for m in reversed(list(other.modules())) if isinstance(m, nn.Conv2d))
    with torch.no_grad():
        assert head.bias is not None
        head.bias += 1
    assert max_difference(other, exported, parity_images()) > 0.05


def test_the_file_is_frozen_and_half_precision(exported: Path) -> None:
    module = load(exported)
    assert "batch_norm" not in str(module.inlined_graph)
    assert {p.dtype for p in module.parameters()} == {torch.float16}
    assert not module.training
    assert exported.stat().st_size < 30e6
    assert contract_of(exported).note == "how it was made"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [(360, 640), (1, 1), (37, 53), (211, 90)])
def test_any_size_in_any_precision(
    exported: Path, dtype: torch.dtype, size: tuple[int, int]
) -> None:
    module = load(exported).to(dtype)
    image = torch.randint(0, 256, (*size, 3), dtype=torch.uint8)
    with torch.inference_mode():
        alpha = module(image, 100)
    assert alpha.shape == (96, max(32, round(96 * size[1] / size[0] / 32) * 32))
    assert alpha.dtype == torch.float32
    assert 0 <= alpha.min() <= alpha.max() <= 1


def test_the_engine_runs_it(exported: Path) -> None:
    engine = TorchEngine(str(exported), "cpu", "fp32", 96)
    alpha = engine.infer(np.zeros((96, 160, 3), np.uint8))
    assert alpha.shape == (96, 160)


def test_publish_enters_the_sum(network: nn.Module, tmp_path: Path) -> None:
    sums = tmp_path / "SHA256SUMS"
    sums.write_text(f"{'0' * 64}  model.ts\n{'1' * 64}  other.ts\n")
    published = publish(network, tmp_path / "model.ts", Contract(note="note"))
    digest = hashlib.sha256((tmp_path / "model.ts").read_bytes()).hexdigest()
    assert published.sha256 == digest
    assert published.size == (tmp_path / "model.ts").stat().st_size
    assert published.difference <= 1e-2
    assert sums.read_text() == f"{'1' * 64}  other.ts\n{digest}  model.ts\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["SHA256SUMS", "model.ts"]


def test_sums_are_what_sha256sum_reads(tmp_path: Path) -> None:
    for name in ("a.ts", "b c.ts", "a.ts"):
        (tmp_path / name).write_text(name)
        enter_sum(tmp_path / name, hashlib.sha256(name.encode()).hexdigest())
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert checked.stdout == "b c.ts: OK\na.ts: OK\n"


def test_too_large_is_refused_and_the_old_file_stays(
    network: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "model.ts"
    target.write_text("old")
    monkeypatch.setattr(exporting, "LARGEST", 20_000_000)
    with pytest.raises(ModelError, match=r"takes 25\.\d MB of 20"):
        publish(network, target, Contract())
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("model.ts", "old")]


def test_a_network_that_rounding_changes_keeps_single_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(5)
    small = build_network("resnet18", (32, 16, 16, 8, 8)).eval()
    rounded = publish(small, tmp_path / "half.ts", Contract())
    monkeypatch.setattr(exporting, "TOLERANCE", rounded.difference / 2)
    monkeypatch.setattr(exporting, "LARGEST", 60_000_000)
    kept = publish(small, tmp_path / "model.ts", Contract())
    assert kept.difference < rounded.difference / 10
    assert {p.dtype for p in load(tmp_path / "model.ts").parameters()} == {torch.float32}
    monkeypatch.setattr(exporting, "LARGEST", 1.5 * rounded.size)
    with pytest.raises(ModelError, match="half precision"):
        publish(small, tmp_path / "model.ts", Contract())


def test_weights_beyond_half_precision_are_refused(network: nn.Module, tmp_path: Path) -> None:
    wild = copy.deepcopy(network)
    first = next(m for m in wild.modules() if isinstance(m, nn.Conv2d))
    with torch.no_grad():
        first.weight *= 1e7  # infinite in half precision
    with pytest.raises(ModelError, match="half precision"):
        publish(wild, tmp_path / "model.ts", Contract())
    assert not list(tmp_path.iterdir())
