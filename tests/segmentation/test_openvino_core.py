"""What OpenVINO finds on a machine, and the cache of compiled models."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bgblur.errors import UsageError
from bgblur.segmentation import openvino_core
from bgblur.segmentation.engine_openvino import OpenVinoEngine


class Core:
    """A machine with two Intel GPUs, and an NPU without its driver."""

    available_devices = ("CPU", "GPU.0", "GPU.1", "NPU")

    def get_property(self, unit: str, key: str) -> str:
        assert key == "FULL_DEVICE_NAME"
        if unit == "NPU":
            raise RuntimeError("no driver")
        return f"a certain {unit} "


def test_what_is_found_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_core, "core", Core)
    monkeypatch.setattr(openvino_core, "_NODES", (__file__,))
    assert openvino_core.units() == {"cpu": "a certain CPU", "intel-gpu": "a certain GPU"}


def test_openvino_is_not_asked_where_there_is_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked() -> Any:
        raise AssertionError("it takes a tenth of a second")

    monkeypatch.setattr(openvino_core, "core", asked)
    monkeypatch.setattr(openvino_core, "_NODES", ("/none",))
    monkeypatch.setattr("platform.system", lambda: "Linux")
    assert openvino_core.units().keys() == {"cpu"}


@pytest.mark.parametrize(("unit", "what"), [("npu", "NPU"), ("intel-gpu", "Intel GPU")])
def test_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch, unit: str, what: str) -> None:
    monkeypatch.setattr("bgblur.segmentation.engine_openvino.units", lambda: {"cpu": "one"})
    with pytest.raises(UsageError, match=f"finds no {what}: install its driver"):
        OpenVinoEngine("auto", unit=unit)


def test_compiled_models_that_were_not_used_for_longest_are_deleted(tmp_path: Path) -> None:
    for number in range(5):
        blob = tmp_path / f"{number}.blob"
        blob.write_bytes(bytes(100))
        os.utime(blob, (1000 + number, 1000))  # atime, mtime
    (tmp_path / "trial.json").write_bytes(bytes(1000))
    os.utime(tmp_path / "0.blob", (1000, 2000))  # made last
    openvino_core.prune(tmp_path, most=300)
    assert {path.name for path in tmp_path.iterdir()} == {
        *("0.blob", "3.blob", "4.blob"),
        "trial.json",
    }


def test_the_cache_is_pruned_when_it_is_opened(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pruned: list[Path] = []
    monkeypatch.setattr(openvino_core, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(openvino_core, "prune", pruned.append)
    openvino_core.core.__wrapped__()
    assert pruned == [tmp_path / "cache"]


def test_tests_and_their_processes_leave_the_users_cache_alone(cache: Path) -> None:
    assert openvino_core.cache_folder() == cache / "bgblur" / "openvino"
    asked = "from bgblur.segmentation.openvino_core import cache_folder; print(cache_folder())"
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == str(openvino_core.cache_folder())
    assert not cache.is_relative_to(Path.home() / ".cache")
