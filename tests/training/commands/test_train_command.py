from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from support.training.data import write_tree

from bgblur.training.fit.checkpoint import load_checkpoint, load_network

TRAIN = Path(__file__).resolve().parents[3] / "scripts" / "train.py"
RECIPE = """
[model]
decoder_channels = [32, 16, 16, 8, 8]
[run]
steps = 4
workers = 1
validate_every = 2
[[phase]]
until = 1.0
batch = 2
sizes = [[32, 64]]
"""


def test_a_run_trains_validates_and_resumes(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "data")
    recipe, out = tmp_path / "recipe.toml", tmp_path / "run"
    recipe.write_text(RECIPE)
    command = [sys.executable, str(TRAIN), "--config", str(recipe), "--data", str(tree)]
    command += ["--out", str(out)]
    for steps, extra in ((3, ["--steps", "3"]), (4, [])):
        done = subprocess.run(
            [*command, *extra], capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert f"step {steps} IoU eg1800 0." in done.stderr
        assert ("step 2 IoU" in done.stderr) == (steps == 3)  # the second run resumes after it
        assert load_checkpoint(out / "last.ckpt")["step"] == steps
    assert list(out.glob("events.out.tfevents.*"))
    sheet = cv2.imread(str(out / "worst-000004.png"))
    assert sheet is not None
    assert sheet.shape[1] == 3 * 4 * 120  # three cells a row: input, truth, prediction, error


STAGES = """
[model]
decoder_channels = [32, 16, 16, 8, 8]
[run]
steps = 1
workers = 0
precision = "32-true"
[[stage]]
name = "first"
phase = [{ until = 1.0, batch = 2, sizes = [[32, 64]] }]
[[stage]]
name = "second"
run.seed = 2
phase = [{ until = 1.0, batch = 2, sizes = [[64, 64]] }]
"""


def test_a_stage_starts_from_the_one_before(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "data", photos=4)
    (tmp_path / "net.toml").write_text(STAGES)

    def train(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(TRAIN), "--config", "net.toml", "--data", str(tree)]
        return subprocess.run(
            [*command, *options],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    alone = train("--stage", "last")
    assert alone.returncode == 2
    line = alone.stderr.strip().replace("\n", " ")
    assert 'stage "second" starts from stage "first"' in line
    assert "--init" in line
    unknown = train("--stage", "third")
    assert unknown.returncode == 2
    assert "first, second, last" in unknown.stderr

    for options in ((), ("--stage", "last")):  # without --stage: the first
        done = train(*options)
        assert done.returncode == 0, done.stderr
    stages = load_network(tmp_path / "runs" / "net" / "second" / "last.ckpt")[1].stages
    assert [(s.name, s.start, s.seed) for s in stages] == [
        ("first", "scratch", 1),
        ("second", "previous", 2),
    ]
    assert "finished run" in train("--stage", "second").stderr

    done = train("--stage", "second", "--init", "scratch", "--out", "alone")
    assert done.returncode == 0, done.stderr
    (stage,) = load_network(tmp_path / "alone" / "last.ckpt")[1].stages
    assert (stage.name, stage.start) == ("second", "scratch")


@pytest.mark.slow
@pytest.mark.parametrize(
    "launcher",
    [
        ["torch.distributed.run", "--nproc-per-node=2", "--standalone"],
        ["lightning.fabric.cli", "--accelerator=cpu", "--devices=2", "--strategy=ddp"],
    ],
    ids=["torchrun", "fabric"],
)
def test_two_processes_share_the_work(tmp_path: Path, launcher: list[str]) -> None:
    """Over gloo: each process draws half of the pictures; both end with the same weights."""
    tree = write_tree(tmp_path / "data")
    recipe, out = tmp_path / "recipe.toml", tmp_path / "run"
    recipe.write_text(RECIPE)
    command = [sys.executable, "-m", *launcher, str(TRAIN), "--config", str(recipe)]
    done = subprocess.run(
        [*command, "--data", str(tree), "--out", str(out), "--steps", "2"],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("step 2 IoU eg1800 0.") == 1  # one of them prints
    assert "MEMBER: 2/2" in done.stderr
    assert load_checkpoint(out / "last.ckpt")["step"] == 2


def test_a_picture_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    """Also in a worker process, to whose errors torch adds a traceback."""
    tree = write_tree(tmp_path / "data", photos=4)
    for photo in (tree / "train").rglob("*.jpg"):
        photo.write_bytes(b"no picture")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.replace("[run]", "[data]\ncomposited = 0\n[run]"))
    command = [sys.executable, str(TRAIN), "--config", str(recipe), "--data", str(tree)]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "run")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("cannot read the picture ")
    assert "Traceback" not in done.stderr
