from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support.machine_tree import machine
from support.model_files import BRIGHT_AT_ITS_HEIGHT, write_model

from bgblur.config.settings import EngineSettings, Settings
from bgblur.machine.checks.engine import (
    check_model,
    check_processor,
    check_runtime,
    check_speed,
)

NVIDIA = {"/proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module\n"}


def tiny(tmp_path: Path, contract: str | None = '{"version": 1}') -> EngineSettings:
    model = write_model(tmp_path / "model.ts", BRIGHT_AT_ITS_HEIGHT, contract)
    return EngineSettings(model=str(model), device="cpu", precision="fp32", input_height=96)


TORCH = EngineSettings(device="cpu", precision="fp32", runtime="torchscript")
OPENVINO = EngineSettings(device="cpu", precision="fp32", runtime="openvino")


@pytest.mark.parametrize(
    ("engine", "package", "name"),
    [(TORCH, "torch", "TorchScript"), (OPENVINO, "openvino", "OpenVINO")],
)
def test_what_runs_the_network(
    monkeypatch: pytest.MonkeyPatch, engine: EngineSettings, package: str, name: str
) -> None:
    check = check_runtime(engine)
    assert check.status == "ok"
    assert check.detail.startswith(f"{name} ({package} 2")

    def broken(wanted: str) -> None:
        raise OSError(f"{wanted}: a library is missing")

    monkeypatch.setattr("bgblur.machine.checks.engine.import_module", broken)
    monkeypatch.setattr("bgblur.machine.checks.engine.import_openvino", lambda: broken(package))
    check = check_runtime(engine)
    assert check.status == "fail"
    assert f"{package} cannot be imported: {package}: a library is missing" in check.detail
    disagreeing = engine.model_copy(update={"model": "own.xml", "device": "cuda"})
    check = check_runtime(disagreeing)
    assert (check.status, check.exit_code) == ("fail", 2)


@pytest.mark.parametrize("engine", [TORCH, OPENVINO])
def test_the_processor_is_named(tmp_path: Path, engine: EngineSettings) -> None:
    check = check_processor(engine, machine(tmp_path))
    assert check.status == "ok"
    assert "cores" in check.detail
    assert ("cpu in fp32" in check.detail) == (engine is TORCH)


@pytest.mark.parametrize("engine", [TORCH, OPENVINO])
def test_a_gpu_that_is_not_used(tmp_path: Path, engine: EngineSettings) -> None:
    check = check_processor(engine, machine(tmp_path, NVIDIA))
    assert check.status == "warn"
    assert "NVIDIA GPU is not used" in check.detail
    assert check.fix


def test_a_gpu_where_torch_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bgblur.machine.checks.engine.find_spec", lambda _: None)
    check = check_processor(OPENVINO, machine(tmp_path, NVIDIA))
    assert check.fix == "an NVIDIA GPU is here: pip install 'bgblur[gpu]'"


def test_what_else_openvino_finds_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"cpu": "one", "intel-gpu": "Arc", "npu": "AI Boost"}
    monkeypatch.setattr("bgblur.machine.checks.engine.units", lambda: found)
    check = check_processor(OPENVINO, machine(tmp_path))
    assert check.status == "ok"
    assert check.detail.endswith("; intel-gpu: Arc; npu: AI Boost")


def test_an_amd_gpu_without_its_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bgblur.machine.checks.engine.find_spec", lambda _: None)
    check = check_processor(OPENVINO, machine(tmp_path, {"/dev/kfd": ""}))
    assert check.status == "warn"
    assert "AMD GPU is not used" in check.detail
    assert "ROCm" in str(check.fix)


@pytest.mark.parametrize(
    "engine",
    [
        EngineSettings(device="cpu", precision="fp16"),
        pytest.param(
            EngineSettings(device="cuda"),
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is here"),
        ),
    ],
)
def test_settings_that_are_not_available(tmp_path: Path, engine: EngineSettings) -> None:
    check = check_processor(engine, machine(tmp_path))
    assert (check.status, check.exit_code) == ("fail", 2)


@pytest.mark.parametrize(("engine", "name"), [(TORCH, "unet-resnet18"), (OPENVINO, "unet-lite")])
def test_the_shipped_model(engine: EngineSettings, name: str) -> None:
    check = check_model(engine)
    assert check.status == "ok", check
    assert name in check.detail
    assert "SHA-256" in check.detail


def test_another_model(tmp_path: Path) -> None:
    check = check_model(tiny(tmp_path))
    assert check.status == "ok", check
    assert "SHA-256" not in check.detail
    broken = check_model(tiny(tmp_path, contract=None))
    assert (broken.status, broken.exit_code) == ("fail", 5)
    assert "not a bgblur model" in broken.detail
    assert broken.fix == "bgblur-cam config set engine.model auto"


def test_a_measured_run(tmp_path: Path) -> None:
    camera = {"device": "63", "width": 320, "height": 180, "fps": 20}
    settings = Settings.model_validate({"camera": camera}).model_copy(
        update={"engine": tiny(tmp_path)}
    )
    check = check_speed(settings)
    assert check.status == "ok", check
    assert "of 20 frames a second at 320x180" in check.detail
    assert float(check.detail.split()[0]) > 10


@pytest.mark.parametrize(
    ("height", "fix"), [("auto", "camera.width 640"), (1024, "engine.input_height auto")]
)
def test_a_slow_run_says_what_helps(
    height: int | str, fix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A height of its own would tie "auto" to one network, which may cost more."""
    slow = {"fps": 4.0, "width": 1280, "height": 720, "latency_ms": {"p50": 300.0}}
    monkeypatch.setattr("bgblur.bench.run.measure", lambda *_: {"parts": []})
    monkeypatch.setattr("bgblur.bench.run.merged", lambda _: slow)
    engine = EngineSettings.model_validate({"input_height": height})
    check = check_speed(Settings(engine=engine))
    assert check.status == "warn"
    assert check.fix is not None
    assert fix in check.fix


def test_a_measured_run_that_fails(tmp_path: Path) -> None:
    gone = EngineSettings(model=str(tmp_path / "none.ts"), device="cpu")
    check = check_speed(Settings(engine=gone))
    assert (check.status, check.exit_code) == ("fail", 5)
    assert "none.ts" in check.detail
