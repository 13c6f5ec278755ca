"""What scripts/export.py writes as an .xml is the network; a bad export replaces nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from bgblur.errors import ModelError
from bgblur.segmentation.contract import Contract, contract_of
from bgblur.segmentation.engine_openvino import OpenVinoEngine
from bgblur.segmentation.network import build_network
from bgblur.training.export import openvino_ir
from bgblur.training.export.export import parity_images
from bgblur.training.export.openvino_ir import ir_differences, publish_ir


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(2)
    return build_network("resnet18", (32, 16, 16, 8, 8)).eval()


@pytest.fixture(scope="module")
def exported(network: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("ir") / "small.xml"
    done = publish_ir(network, target, Contract(note="how"))
    assert done.difference <= 1e-2
    return target


def test_an_export_is_the_network(network: nn.Module, exported: Path) -> None:
    pictures = parity_images()[1:]
    assert ir_differences(network, exported, pictures, 96).max() <= 1e-2
    alpha = OpenVinoEngine(str(exported), "auto", 96).infer(pictures[0])
    assert alpha.shape == (96, 96)
    assert alpha.std() > 1e-4, "an all-equal alpha would prove nothing"


def test_it_has_its_contract_and_its_sums(exported: Path) -> None:
    assert contract_of(exported).note == "how"
    names = [line.split()[1] for line in (exported.parent / "SHA256SUMS").read_text().splitlines()]
    assert names == ["small.xml", "small.bin"]
    assert sorted(path.name for path in exported.parent.iterdir()) == sorted([*names, "SHA256SUMS"])


def test_a_bad_export_replaces_nothing(
    network: nn.Module, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in exported.parent.iterdir()}
    monkeypatch.setattr(openvino_ir, "LARGEST", 1000)
    with pytest.raises(ModelError, match="choose a smaller"):
        publish_ir(network, exported, Contract(note="other"))
    assert {path.name: path.read_bytes() for path in exported.parent.iterdir()} == before
