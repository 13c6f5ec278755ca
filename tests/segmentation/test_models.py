"""The shipped models: their names, and the check of their files."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from support.model_files import BRIGHT_AT_ITS_HEIGHT, write_model
from support.scenes import portrait

from bgblur.errors import ModelError
from bgblur.segmentation.device_torch import shipped_model
from bgblur.segmentation.engine_torch import TorchEngine
from bgblur.segmentation.models import SHIPPED_MODELS, check_shipped

SHIPPED = SHIPPED_MODELS["unet-resnet18"]


def test_a_shipped_model_by_its_name() -> None:
    assert shipped_model("unet.ts", "cpu") is None
    for name, path in SHIPPED_MODELS.items():
        assert path.stem == name
        assert shipped_model(name, "cpu") == path
        check_shipped(path)
        assert TorchEngine(name, "cpu", "auto", 96).infer(portrait(160, 96)).shape[0] == 96


def test_a_damaged_shipped_file_is_refused_whichever_way_it_is_chosen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    changed = write_model(tmp_path / "unet-resnet18.ts", BRIGHT_AT_ITS_HEIGHT)
    monkeypatch.setitem(SHIPPED_MODELS, "unet-resnet18", changed)
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  unet-resnet18.ts\n")
    for wanted in ("auto", "unet-resnet18"):
        with pytest.raises(ModelError, match="damaged or changed"):
            TorchEngine(wanted, "cpu", "fp32", 96)


def test_a_changed_shipped_file_is_refused(tmp_path: Path) -> None:
    shutil.copy(SHIPPED.parent / "SHA256SUMS", tmp_path)
    changed = bytearray(SHIPPED.read_bytes())
    changed[len(changed) // 2] ^= 1
    (tmp_path / SHIPPED.name).write_bytes(changed)
    with pytest.raises(ModelError, match="damaged or changed"):
        check_shipped(tmp_path / SHIPPED.name)


def test_another_files_sum_does_not_count(tmp_path: Path) -> None:
    model = tmp_path / "model.ts"
    model.write_bytes(b"x")
    digest = hashlib.sha256(b"x").hexdigest()
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  other.ts\n")
    with pytest.raises(ModelError, match="damaged or changed"):
        check_shipped(model)
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  other.ts\n{digest}  model.ts\n")
    check_shipped(model)


@pytest.mark.parametrize("left", ["model.ts", "SHA256SUMS"])
def test_an_incomplete_installation_is_refused(tmp_path: Path, left: str) -> None:
    (tmp_path / left).touch()
    with pytest.raises(ModelError, match=r"No such file.*install bgblur again"):
        check_shipped(tmp_path / "model.ts")
