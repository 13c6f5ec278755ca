"""What runs the network, chosen without importing it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bgblur.errors import UsageError
from bgblur.segmentation import runtime
from bgblur.segmentation.runtime import choose_runtime, engine_devices

Install = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Pretend that these packages are installed, and that there is a GPU or not."""

    def installed(*packages: str, gpu: bool = False) -> None:
        def find_spec(name: str) -> Any:
            return name if name in packages else None

        monkeypatch.setattr(runtime, "find_spec", find_spec)
        monkeypatch.setattr(runtime, "nvidia_gpu", lambda: gpu)
        monkeypatch.setattr("platform.system", lambda: "Linux")
        monkeypatch.setattr(runtime, "_AMD", Path("/none"))

    return installed


@pytest.mark.parametrize(
    ("packages", "gpu", "model", "device", "expected"),
    [
        ("openvino torch", False, "auto", "auto", "openvino"),
        ("openvino torch", False, "unet-lite", "cpu", "openvino"),
        ("openvino torch", True, "auto", "auto", "torchscript"),
        ("openvino torch", True, "auto", "cpu", "openvino"),
        ("openvino torch", True, "auto", "cuda:1", "torchscript"),
        ("openvino torch", False, "own.ts", "cpu", "torchscript"),
        ("openvino torch", True, "own.xml", "auto", "openvino"),
        ("openvino torch", True, "unet-lite-int8", "auto", "openvino"),
        ("openvino", True, "auto", "auto", "openvino"),
        ("openvino torch", True, "auto", "npu", "openvino"),
        ("openvino torch", True, "own.xml", "intel-gpu", "openvino"),
        ("torch", False, "auto", "cpu", "torchscript"),
    ],
)
def test_auto(
    install: Install, packages: str, gpu: bool, model: str, device: str, expected: str
) -> None:
    install(*packages.split(), gpu=gpu)
    assert choose_runtime("auto", model, device) == expected


def test_the_users_word_counts(install: Install) -> None:
    install("openvino", "torch", gpu=True)
    assert choose_runtime("openvino", "auto", "auto") == "openvino"
    assert choose_runtime("torchscript", "unet-lite", "cpu") == "torchscript"


@pytest.mark.parametrize(
    ("packages", "wanted", "model", "device", "problem"),
    [
        ("openvino torch", "torchscript", "own.xml", "cpu", 'set engine.runtime to "auto"'),
        ("openvino torch", "torchscript", "unet-lite-int8", "cpu", 'set engine.runtime to "auto"'),
        ("openvino torch", "openvino", "own.ts", "cpu", "export it to an .xml"),
        ("openvino torch", "openvino", "auto", "cuda", "does not run model"),
        ("openvino torch", "auto", "own.xml", "mps", "does not run model"),
        ("openvino torch", "auto", "own.ts", "npu", "export it to an .xml"),
        ("openvino torch", "torchscript", "auto", "npu", "needs OpenVINO, and"),
        ("openvino", "auto", "own.ts", "cpu", r"pip install 'bgblur\[gpu\]'"),
        ("openvino", "auto", "auto", "cuda", r"pip install 'bgblur\[gpu\]'"),
        ("torch", "openvino", "auto", "cpu", "pip install openvino"),
    ],
)
def test_what_cannot_be_is_said(
    install: Install, packages: str, wanted: str, model: str, device: str, problem: str
) -> None:
    install(*packages.split())
    with pytest.raises(UsageError, match=problem):
        choose_runtime(wanted, model, device)


@pytest.mark.parametrize(
    ("packages", "gpu", "expected"),
    [
        ("openvino", False, {"cpu": "one", "npu": "AI Boost"}),
        ("openvino torch", True, {"cpu": "one", "npu": "AI Boost", "cuda": "NVIDIA GPU"}),
        (
            "openvino",
            True,
            {
                "cpu": "one",
                "npu": "AI Boost",
                "cuda": "NVIDIA GPU, needs pip install 'bgblur[gpu]'",
            },
        ),
        ("torch", True, {"cpu": "two", "cuda": "NVIDIA GPU"}),
    ],
)
def test_what_the_network_can_run_on(
    install: Install,
    monkeypatch: pytest.MonkeyPatch,
    packages: str,
    gpu: bool,
    expected: dict[str, str],
) -> None:
    install(*packages.split(), gpu=gpu)
    found = {"cpu": "one", "npu": "AI Boost"}
    monkeypatch.setattr("bgblur.segmentation.openvino_core.units", lambda: found)
    monkeypatch.setattr("platform.processor", lambda: "two")
    assert engine_devices() == expected
