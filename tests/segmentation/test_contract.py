"""What a model file says about itself: read whole, or refused in one line."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from support.model_files import BRIGHT_AT_ITS_HEIGHT, write_model

from bgblur.errors import ModelError
from bgblur.segmentation.contract import Contract, contract_of, parse_contract
from bgblur.segmentation.engine_torch import TorchEngine

STAGE: dict[str, Any] = {
    "name": "first",
    "start": "scratch",
    "steps": 7,
    "planned_steps": 10,
    "seed": 1,
    "precision": "32-true",
    "learning_rate": 1e-3,
    "weight_decay": 0.01,
    "warmup_steps": 2,
    "ema_decay": 0.998,
    "losses": {"laplacian": 0.05},
    "composited": 0.4,
    "empty": 0.1,
    "phases": [{"until": 1.0, "batch": 4, "sizes": [[96, 160]]}],
}
WHOLE: dict[str, Any] = {
    "version": 2,
    "model": {"encoder": "resnet18", "decoder_channels": [32, 16, 16, 8, 8]},
    "stages": [STAGE, {**STAGE, "name": "second", "start": "previous", "kept": 0.5}],
    "note": "how",
    "cpu_precision": "fp32",
}


def changed(path: str, value: object) -> str:
    """``WHOLE`` with another value at the dotted ``path``."""
    whole = json.loads(json.dumps(WHOLE))
    *parents, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    place = whole
    for key in parents:
        place = place[key]
    place[last] = value
    return json.dumps(whole)


def test_a_written_contract_is_read_back() -> None:
    contract = parse_contract(json.dumps(WHOLE))
    assert parse_contract(contract.dumps()) == contract
    assert contract.model is not None
    assert (contract.model.decoder, contract.model.decoder_blocks) == ("unet", ())
    assert [stage.name for stage in contract.stages] == ["first", "second"]
    assert contract.stages[0].phases[0].sizes == ((96, 160),)
    assert json.loads(Contract().dumps()) == {"version": 2}


def test_version_1_is_read_and_unknown_keys_are_ignored() -> None:
    old = parse_contract('{"version": 1, "note": "how", "cpu_precision": "int8", "more": [1]}')
    assert (old.version, old.note, old.cpu_precision) == (1, "how", "int8")
    assert (old.model, old.stages) == (None, ())


BAD = {
    "empty": "",
    "no object": "[1]",
    "no version": "{}",
    "version 3": '{"version": 3}',
    "precision": changed("cpu_precision", "fp8"),
    "decoder": changed("model.decoder", "large"),
    "channels": changed("model.decoder_channels", [0]),
    "no shape": changed("model", {}),
    "stage": changed("stages.0.steps", "many"),
    "sizes": changed("stages.0.phases.0.sizes", [[96]]),
    "rate": changed("stages.1.learning_rate", 0),
    "infinite": '{"version": 2, "stages": [{"steps": 1e999}]}',
    "deep": "[" * 100_000,
    "deep note": '{"version": 2, "note": ' + "[" * 100_000,
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_a_damaged_contract_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"[Cc]ontract"):
        parse_contract(text)


@pytest.mark.parametrize("kind", ["version 3", "stage", "deep"])
def test_its_model_is_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    path = write_model(tmp_path / "model.ts", BRIGHT_AT_ITS_HEIGHT, BAD[kind])
    for read in (contract_of, lambda model: TorchEngine(str(model), "cpu", "fp32", 96)):
        with pytest.raises(ModelError, match="is not a bgblur model") as raised:
            read(path)
        assert "\n" not in str(raised.value)


def test_the_engine_runs_models_of_both_versions(tmp_path: Path) -> None:
    for name, text in (("one.ts", '{"version": 1}'), ("two.ts", json.dumps(WHOLE))):
        path = write_model(tmp_path / name, BRIGHT_AT_ITS_HEIGHT, text)
        assert TorchEngine(str(path), "cpu", "auto", 96).input_height == 96
        assert contract_of(path) == parse_contract(text)


def test_a_file_without_a_contract_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.ts").write_text("certainly no model")
    with zipfile.ZipFile(tmp_path / "other.ts", "w") as archive:
        archive.writestr("model/data.txt", "certainly no model")
    with zipfile.ZipFile(tmp_path / "bomb.ts", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model/extra/bgblur.json", json.dumps(WHOLE) + " " * 2**21)
    for name in ("text.ts", "other.ts", "bomb.ts"):
        with pytest.raises(ModelError, match="is not a bgblur model"):
            contract_of(tmp_path / name)
    with pytest.raises(ModelError, match="there is no model file"):
        contract_of(tmp_path / "none.ts")


def test_reading_a_contract_needs_no_torch() -> None:
    code = "import sys, bgblur.segmentation.contract; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
