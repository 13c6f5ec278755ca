"""Model files that went bad, and such as mean harm."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.fuzzing import FACTOR
from support.model_files import write_model
from support.mutants import mutant

from bgblur.errors import ModelError, UnfitPictureError
from bgblur.segmentation.engine_torch import TorchEngine
from bgblur.segmentation.models import SHIPPED_MODELS, WEIGHTS, check_shipped

TESTS = Path(__file__).resolve().parents[1]
WEIGHED = """
        scaled = image.float().mean(2) / 255 * self.weight.sum() / 1024
        plane = scaled.clamp(0, 1)[None, None]
        width = int(input_height * image.size(1) / image.size(0))
        return torch.nn.functional.interpolate(plane, size=[input_height, width])[0, 0]
"""


def tried(model: Path, count: int, first: int = 0) -> Counter[str]:
    """What came of ``count`` damaged copies of ``model``."""
    environment = {**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"}
    trial = [sys.executable, str(TESTS / "support" / "hostile" / "model_trial.py"), str(model)]
    ended = subprocess.run(
        [*trial, str(first), str(first + count)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300 * FACTOR,
        check=False,
    )
    lines = ended.stdout.splitlines()
    assert ended.returncode == 0, (lines[-1:], ended.stderr[-2000:])
    assert len(lines) == count
    assert [line for line in lines if "[" in line] == []
    return Counter(line.partition(" ")[2] for line in lines)


def test_a_damaged_model_of_the_users(tmp_path: Path) -> None:
    """Refused, or it fails and the frame is blurred whole, or it gives an alpha."""
    model = write_model(tmp_path / "own.ts", WEIGHED, weight=torch.ones(1024))
    found = tried(model, 120 * FACTOR)
    assert found["refused"] > 0
    assert found["ran"] > 0


def test_a_damaged_copy_of_the_shipped_model(tmp_path: Path) -> None:
    found = tried(SHIPPED_MODELS["unet-resnet18-int8"], 3 * min(FACTOR, 20))
    assert found["refused"] > 0


@pytest.mark.parametrize("name", sorted(path.name for path in WEIGHTS.glob("*.ts")))
def test_a_damaged_shipped_model_is_refused(tmp_path: Path, name: str) -> None:
    shutil.copy(WEIGHTS / "SHA256SUMS", tmp_path)
    data = (WEIGHTS / name).read_bytes()
    for seed in range(8 * FACTOR):
        damaged = mutant(data, seed)
        if damaged != data:
            (tmp_path / name).write_bytes(damaged)
            with pytest.raises(ModelError, match="damaged or changed"):
                check_shipped(tmp_path / name)


# ------------------------------------------------------------ meant harm


def changed(source: Path, target: Path, record: str, data: bytes) -> Path:
    """A copy of the archive with one record replaced."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.infolist():
            kept = old.read(item)
            new.writestr(item.filename, data if item.filename.endswith(record) else kept)
    return target


class Harm:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("record", ["/data.pkl", "/constants.pkl"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_that_would_run_a_program(tmp_path: Path, record: str, protocol: int) -> None:
    mark = tmp_path / "harm"
    sound = write_model(tmp_path / "sound.ts", "    return image.float()[:, :, 0] / 255")
    assert TorchEngine(str(sound), "cpu", "fp32", 96)
    evil = changed(sound, tmp_path / "evil.ts", record, pickle.dumps(Harm(mark), protocol))
    with pytest.raises(ModelError):
        TorchEngine(str(evil), "cpu", "fp32", 96)
    assert not mark.exists()
    torch.save({"weight": Harm(mark)}, tmp_path / "checkpoint.ts")
    with pytest.raises(ModelError):
        TorchEngine(str(tmp_path / "checkpoint.ts"), "cpu", "fp32", 96)
    assert not mark.exists()


ALPHA = "    return image.float()[:, :, 0] / 255"


@pytest.mark.parametrize(
    "body",
    [
        "    torch.save(image, '{mark}')\n" + ALPHA,
        "    if image.max() > 200:\n        torch.save([image], '{mark}')\n" + ALPHA,
        "    return torch.from_file('{mark}', True, image.numel()).to(torch.float)",
    ],
)
def test_a_model_that_would_write_files(tmp_path: Path, body: str) -> None:
    """TorchScript can: the raw frame would leave by the disk."""
    mark = tmp_path / "harm"
    evil = write_model(tmp_path / "evil.ts", body.format(mark=mark))
    with pytest.raises(ModelError, match=r"wants to do more than compute \((save|from_file) in"):
        TorchEngine(str(evil), "cpu", "fp32", 96)
    assert not mark.exists()


def test_torchs_own_classes_are_refused(tmp_path: Path) -> None:
    sound = write_model(tmp_path / "sound.ts", ALPHA)
    evil = changed(
        sound, tmp_path / "evil.ts", "/data.pkl", b"c__torch__.torch.classes.c10d\nTCPStore\n."
    )
    with pytest.raises(ModelError, match="wants to do more than compute"):
        TorchEngine(str(evil), "cpu", "fp32", 96)


def test_an_archive_that_unpacks_to_too_much(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.ts"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model/data.pkl", bytes(200 * 2**20))
    assert bomb.stat().st_size < 2**20
    with pytest.raises(ModelError, match="would unpack to 200 MiB"):
        TorchEngine(str(bomb), "cpu", "fp32", 96)


def test_a_strip_is_refused_as_a_frame() -> None:
    """The network would see it as wide as its shape asks: gigabytes."""
    engine = TorchEngine(device="cpu", precision="fp32", input_height=96)
    assert engine.infer(np.zeros((40, 1200, 3), np.uint8)).shape[0] == engine.input_height
    with pytest.raises(UnfitPictureError, match="16384x16 is too wide"):
        engine.infer(np.zeros((16, 16384, 3), np.uint8))


def test_code_that_is_not_text_is_one_line(tmp_path: Path) -> None:
    """torch quotes the damaged line in its message, which then is no text either."""
    sound = write_model(tmp_path / "sound.ts", ALPHA)
    with zipfile.ZipFile(sound) as archive:
        (code,) = (name for name in archive.namelist() if name.endswith(".py"))
        text = archive.read(code)
    damaged = changed(sound, tmp_path / "damaged.ts", code, text.replace(b"return", b'\xb1 \x0e"'))
    with pytest.raises(ModelError, match="is not a TorchScript model, or it is damaged"):
        TorchEngine(str(damaged), "cpu", "fp32", 96)
