"""Files that cannot be converted are refused in one line; the code in a pickle never runs."""

from __future__ import annotations

import os
import pickle
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from support.training.fastai_learners import (
    CODES,
    Own,
    export,
    small,
)
from torch import nn

from bgblur.errors import ModelError, UsageError
from bgblur.training.commands.import_fastai import import_fastai
from bgblur.training.fastai.importing import convert, read_learner

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "import_fastai.py"
pytest_plugins = ["support.training.fastai_learners"]
pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_class_that_is_not_there(pictures: Path, tmp_path: Path) -> None:
    path = export(small(pictures), tmp_path / "export.pkl")
    with pytest.raises(UsageError, match=r"no class cat: .* one of background, person, 0, 1"):
        read_learner(path, "cat")


@pytest.mark.parametrize("pickler", [pickle, None])
def test_networks_it_cannot_use(pictures: Path, tmp_path: Path, pickler: Any) -> None:
    three = small(pictures, ("background", "person", "dog"))
    with pytest.raises(UsageError, match="has 3 classes: train one with two"):
        read_learner(export(three, tmp_path / "three.pkl", pickler))
    other = small(pictures)
    other.model = nn.Sequential(nn.Conv2d(3, 2, 1))
    with pytest.raises(UsageError, match="is a Sequential: only a unet_learner's"):
        read_learner(export(other, tmp_path / "other.pkl", pickler))
    strange = small(pictures)
    strange.model.layers[0].append(Own())
    with pytest.raises(UsageError, match=r"has parts of __main__\.Own: only those of fastai"):
        read_learner(export(strange, tmp_path / "strange.pkl", pickler))


def test_weights_beyond_half_precision_are_refused(pictures: Path, tmp_path: Path) -> None:
    imported = read_learner(export(small(pictures), tmp_path / "export.pkl"))
    with torch.no_grad():
        next(imported.network.parameters()).mul_(1e7)
    (tmp_path / "model.ts").write_text("old")
    with pytest.raises(ModelError, match="half precision"):
        convert(imported, tmp_path / "model.ts", "")
    assert (tmp_path / "model.ts").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2


class Touch:
    """Its pickle runs a command in an ordinary unpickler."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


def test_code_in_the_pickle_does_not_run(pictures: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    learner = small(pictures)
    learner.more = Touch(marker)
    path = export(learner, tmp_path / "export.pkl", pickle)
    assert read_learner(path).classes == CODES
    torch.save(Touch(marker), tmp_path / "bare.pkl")
    with pytest.raises(UsageError, match="not an exported fastai Learner"):
        read_learner(tmp_path / "bare.pkl")
    assert not marker.exists()
    torch.load(tmp_path / "bare.pkl", weights_only=False)
    assert marker.exists()  # an ordinary unpickler runs it


def test_nothing_is_opened_without_consent(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), str(tmp_path / "none.pkl"), str(tmp_path / "model.ts")]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "a pickle can run code: import only one you made or trust, with --trust" in done.stderr


@pytest.mark.parametrize(
    ("answer", "said"), [(b"n\n", "the file was not opened"), (b"y\n", "there is no file")]
)
def test_the_user_is_asked(
    tmp_path: Path,
    answer: bytes,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal, typed = pty.openpty()
    os.write(terminal, answer)
    with os.fdopen(typed) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        with pytest.raises(UsageError, match=said):
            import_fastai(tmp_path / "none.pkl", tmp_path / "model.ts")
    os.close(terminal)
    assert "A Learner is a pickle, and a pickle can run code" in capsys.readouterr().err
