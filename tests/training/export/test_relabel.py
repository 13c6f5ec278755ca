"""A model under another contract: the same records, the same alpha to the bit."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from support.scenes import portrait

from bgblur.errors import ModelError
from bgblur.segmentation.contract import CONTRACT_FILE, Contract, contract_of
from bgblur.segmentation.engine_torch import TorchEngine
from bgblur.segmentation.models import SHIPPED_MODELS
from bgblur.training.export.relabel import relabel


def records(path: Path) -> dict[str, bytes]:
    """What the archive holds, without the contract."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        return {name: archive.read(name) for name in names if not name.endswith(CONTRACT_FILE)}


@pytest.mark.parametrize("name", ["unet-lite", "unet-resnet18-int8"])
def test_only_the_contract_changes(tmp_path: Path, name: str) -> None:
    model, target = SHIPPED_MODELS[name], tmp_path / "other.ts"
    contract = contract_of(model).model_copy(update={"note": "Another note. " * 99})
    relabel(model, target, contract)
    assert contract_of(target) == contract
    assert records(target) == records(model)
    alphas = [
        TorchEngine(str(p), "cpu", "auto", 96).infer(portrait(160, 96)) for p in (model, target)
    ]
    assert np.array_equal(*alphas)
    assert alphas[0].max() > 0.9


def test_weights_stay_aligned(tmp_path: Path) -> None:
    target = tmp_path / "other.ts"
    relabel(SHIPPED_MODELS["unet-lite"], target, Contract(note="x"))
    with zipfile.ZipFile(target) as archive, target.open("rb") as file:
        for record in archive.infolist():
            file.seek(record.header_offset + 26)
            lengths = [int.from_bytes(file.read(2), "little") for _ in range(2)]
            assert (record.header_offset + 30 + sum(lengths)) % 64 == 0


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.ts").write_text("certainly no model")
    with pytest.raises(ModelError, match="is not a bgblur model"):
        relabel(tmp_path / "text.ts", tmp_path / "other.ts", Contract())
    assert not (tmp_path / "other.ts").exists()
