"""Model files that are damaged, wrong, or a user's own."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from support.model_files import BRIGHT_AT_ITS_HEIGHT, write_model

from bgblur.errors import ModelError
from bgblur.segmentation.engine_torch import TorchEngine
from bgblur.segmentation.models import SHIPPED_MODELS

SHIPPED = SHIPPED_MODELS["unet-resnet18"]
FIRST_PLANE = "    return image.float()[:, :, 0] / 255"


def text(path: Path) -> None:
    path.write_text("certainly no model\n" * 100)


def plain_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.txt", "certainly no model")


def state_dict(path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, path)


def half_of_one(path: Path) -> None:
    whole = SHIPPED.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def script(body: str, contract: str | None = '{"version": 1}') -> Callable[[Path], object]:
    return lambda path: write_model(path, body, contract)


BAD_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "there is no model file"),
    "folder": (lambda path: path.mkdir(), "there is no model file"),
    "empty": (lambda path: path.touch(), "is empty"),
    "text": (text, "is not a TorchScript model"),
    "zip": (plain_zip, "is not a TorchScript model"),
    "checkpoint": (state_dict, "is not a TorchScript model"),
    "cut short": (half_of_one, "is not a TorchScript model"),
    "other TorchScript": (script(FIRST_PLANE, None), "is not a bgblur model"),
    "other version": (script(FIRST_PLANE, '{"version": 3}'), "is not a bgblur model"),
    "contract no JSON": (script(FIRST_PLANE, "one"), "is not a bgblur model"),
    "contract no object": (script(FIRST_PLANE, "[1]"), "is not a bgblur model"),
    "three planes": (script("    return image.float() / 255"), "does not give alpha"),
    "nothing": (script("    return image.float()[:0, :, 0]"), "does not give alpha"),
    "half precision": (script("    return image.half()[:, :, 0] / 255"), "does not give alpha"),
    "not a number": (script("    return image.float()[:, :, 0] / 0"), "does not give alpha"),
    "logits": (script("    return image.float()[:, :, 0] - 5"), "does not give alpha"),
    "a tuple": (script(FIRST_PLANE + ", 1"), "it gives tuple, not a tensor"),
    "a failure": (script("    assert image.size(0) == 1\n    return image"), "does not run on cpu"),
    "no precision": (
        script(FIRST_PLANE, '{"version": 1, "cpu_precision": "fp13"}'),
        "is not a bgblur model",
    ),
    "a bad shape": (script("    return image.float().view(7, 11)"), "does not run on cpu"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_model_file_is_one_line(tmp_path: Path, name: str) -> None:
    make, said = BAD_FILES[name]
    path = tmp_path / "model.ts"
    make(path)
    with pytest.raises(ModelError, match=said) as caught:
        TorchEngine(str(path), "cpu", "fp32", 96)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert len(message) < 200 + len(str(path))


def test_a_users_own_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_model(tmp_path / "own.ts", BRIGHT_AT_ITS_HEIGHT)
    engine = TorchEngine("~/own.ts", "cpu", "fp32", 96)
    image = np.zeros((192, 256, 3), np.uint8)
    image[:, 128:] = 255
    alpha = engine.infer(engine.upload(image))
    assert alpha.shape == (96, 128)
    assert (alpha[:, :64] == 0).all()
    assert (alpha[:, 64:] == 1).all()


def test_a_later_failure_is_a_runtime_error(tmp_path: Path) -> None:
    """As the engine's interface says: TorchScript's own exceptions are none."""
    body = "    assert image.max() == 0, 'a bright picture'\n    return image.float()[:, :, 0]"
    engine = TorchEngine(str(write_model(tmp_path / "m.ts", body)), "cpu", "fp32", 96)
    with pytest.raises(RuntimeError, match="a bright picture"):
        engine.infer(np.full((96, 96, 3), 9, np.uint8))


def test_an_unknown_name_lists_the_shipped_ones() -> None:
    with pytest.raises(ModelError, match=r"unet-huge: .*auto, unet-resnet18, unet-res"):
        TorchEngine("unet-huge", "cpu", "fp32")
