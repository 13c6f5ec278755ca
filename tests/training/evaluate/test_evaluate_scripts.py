"""The scripts, from a checkpoint to its model card; each error is one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from support.training.evaluation import TARGETS
from torch import nn

from bgblur.training.evaluate.evaluation import ROOMS
from bgblur.training.fit.checkpoint import save_checkpoint
from bgblur.training.fit.recipe import Recipe

pytest_plugins = ["support.training.evaluation"]

ROOT = Path(__file__).resolve().parents[3]
RECIPE = Recipe.model_validate(
    {"run": {"steps": 3}, "phase": [{"until": 1.0, "batch": 1, "sizes": [[32, 64]]}]}
)


@pytest.fixture(scope="module")
def checkpoint(network: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "last.ckpt"
    weights = network.state_dict()
    state = {"step": 3, "averaged": 3, "network": weights, "average": weights}
    state |= {"optimizer": {}, "scheduler": {}, "recipe": RECIPE.model_dump(mode="json")}
    save_checkpoint(path, state)
    return path


def script(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_from_checkpoint_to_model_card(checkpoint: Path, tree: Path, tmp_path: Path) -> None:
    model = tmp_path / "weights" / "model.ts"
    exported = script("export.py", checkpoint, model, "--note", "A test.")
    assert exported.returncode == 0, exported.stderr
    assert (model.parent / "SHA256SUMS").read_text().split()[0] in exported.stdout

    targets = tmp_path / "targets.toml"
    targets.write_text(TARGETS)
    files = {name: tmp_path / name for name in ("figures.json", "worst.png", "card.md")}
    wanted = ["--input-height", 64, "--input-height", 96, "--precision", "fp32", "--device", "cpu"]
    wanted += ["--json", files["figures.json"], "--sheet", files["worst.png"]]
    wanted += ["--card", files["card.md"], "--targets", targets, "--beside", model]
    wanted += ["--seen", "Nobody is found."]
    judged = script("evaluate.py", model, "--data", tree, *wanted)
    assert judged.returncode == 0, judged.stderr
    assert '## Input height 64, half "report"' in judged.stdout
    assert "| talking |" in judged.stdout

    report = json.loads(files["figures.json"].read_text())
    assert set(report["heights"]) == {"64", "96"}
    assert report["heights"]["96"]["photos"]["eg1800"]["pictures"] == 1
    assert [target["met"] for target in report["targets"]] == [False, True]
    assert (report["precision"], report["device"]) == ("fp32", "cpu")
    sheet = cv2.imread(str(files["worst.png"]))
    assert sheet is not None
    assert sheet.shape == (150, 1440, 3)

    card = files["card.md"].read_text()
    assert card.startswith("# Model card: model.ts")
    for text in (
        "A test.",
        "Network: U-Net, encoder resnet18, decoder",
        "3 of 3 steps",
        report["sha256"],
        "VITON",
        "| photos: IoU | pictures | 64 | 96 |",
        'half "report"',
        "Not reached",
        "### Beside model.ts",
        "Nobody is found.",
        "eg1800 1",
    ):
        assert text in card
    assert report["beside"]["96"]["eg1800"]["difference"] == 0
    value = report["heights"]["64"]["rooms"][ROOMS]["leak"]
    assert f"{value:.4f}" in card

    # The checkpoint itself has the same figures, except for rounding.
    eager = tmp_path / "eager.json"
    arguments = ["--data", tree, "--input-height", 64, "--json", eager]
    assert script("evaluate.py", checkpoint, *arguments).returncode == 0
    ours = json.loads(eager.read_text())["heights"]["64"]["photos"]["eg1800"]
    theirs = report["heights"]["64"]["photos"]["eg1800"]
    assert ours["mad"] == pytest.approx(theirs["mad"], abs=0.01)


@pytest.mark.parametrize(
    ("name", "arguments", "code", "says"),
    [
        ("evaluate.py", ["none.ts", "--data", "TREE"], 5, "there is no model file none.ts"),
        ("evaluate.py", ["CHECKPOINT", "--beside", "no.ts"], 5, "there is no model file no.ts"),
        ("evaluate.py", ["none.ckpt", "--data", "TREE"], 2, "there is no checkpoint none.ckpt"),
        ("evaluate.py", ["CHECKPOINT", "--data", "none"], 2, "no training photos under none"),
        ("evaluate.py", ["CHECKPOINT", "--precision", "bf16"], 2, "export it"),
        ("evaluate.py", ["CHECKPOINT", "--json", "none/a.json"], 2, "there is no folder none"),
        ("evaluate.py", ["CHECKPOINT", "--targets", "TARGETS"], 2, "add --input-height 64"),
        ("record.py", ["FOLDER", "--width", "8000", "--device", "demo"], 2, "width: Input should"),
        ("export.py", ["none.ckpt", "model.ts"], 2, "there is no checkpoint none.ckpt"),
        ("train.py", ["--config", "none.toml"], 2, "cannot read the recipe none.toml"),
    ],
)
def test_errors_are_one_line(
    checkpoint: Path,
    tree: Path,
    tmp_path: Path,
    name: str,
    arguments: list[str],
    code: int,
    says: str,
) -> None:
    (tmp_path / "targets.toml").write_text(TARGETS)
    real = {"TREE": tree, "CHECKPOINT": checkpoint, "FOLDER": tmp_path}
    real["TARGETS"] = tmp_path / "targets.toml"
    done = script(name, *(real.get(argument, argument) for argument in arguments))
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
