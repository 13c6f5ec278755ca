"""The processor, an Intel GPU and an NPU are tried; simulated, for want of the hardware."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bgblur.errors import ModelError
from bgblur.frame import Alpha, Image
from bgblur.segmentation.trial import quickest

PICTURE = np.zeros((72, 128, 3), np.uint8)
ALL = {"cpu": "a processor", "intel-gpu": "a GPU", "npu": "an NPU"}


class Clock:
    """Stands still but for the time that engines take."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Tried:
    device, precision, input_height = "cpu", "fp32", 96

    def __init__(self, unit: str, took: float, alpha: float, clock: Clock) -> None:
        self.unit, self._took, self._alpha, self._clock = unit, took, alpha, clock

    def upload(self, image: Image) -> Image:
        return image

    def infer(self, pixels: Image) -> Alpha:
        self._clock.now += self._took
        if self._alpha < 0:
            raise RuntimeError("the device was lost")
        return np.full((96, 160), self._alpha, np.float32)


Try = Callable[..., Tried]


@pytest.fixture
def attempt(tmp_path: Path) -> Try:
    """The engine chosen, where ``speeds`` has the milliseconds and the alpha of each unit."""

    def tried(units: dict[str, str], **speeds: tuple[float, float]) -> Tried:
        clock = Clock()

        def load(unit: str) -> Tried:
            if unit.replace("-", "_") not in speeds:
                raise ModelError(f"{unit} does not run it")
            return Tried(unit, *speeds[unit.replace("-", "_")], clock)

        return quickest(units, load, lambda: PICTURE, tmp_path / "cache" / "trial.json", clock)

    return tried


@pytest.mark.parametrize(
    ("speeds", "best"),
    [
        ({"cpu": (10, 0.5), "intel_gpu": (4, 0.5), "npu": (3, 0.5)}, "npu"),
        ({"cpu": (10, 0.5), "intel_gpu": (4, 0.5), "npu": (5, 0.5)}, "intel-gpu"),
        ({"cpu": (10, 0.5), "intel_gpu": (9, 0.5), "npu": (30, 0.5)}, "cpu"),
        ({"cpu": (10, 0.5), "intel_gpu": (4, 0.55), "npu": (5, 0.505)}, "npu"),
        ({"cpu": (10, 0.5), "intel_gpu": (4, -1)}, "cpu"),
        ({"cpu": (10, 0.5), "intel_gpu": (4, float("nan")), "npu": (5, 0.9)}, "cpu"),
    ],
    ids=["npu", "gpu", "hardly faster", "another alpha", "fails", "no alpha"],
)
def test_another_device_is_taken_if_it_is_faster_and_right(
    attempt: Try, speeds: dict[str, tuple[float, float]], best: str
) -> None:
    assert attempt(ALL, **speeds).unit == best


def test_the_result_is_kept_until_the_machine_changes(attempt: Try, tmp_path: Path) -> None:
    assert attempt(ALL, cpu=(10, 0.5), npu=(3, 0.5)).unit == "npu"
    assert attempt(ALL, cpu=(1, 0.5), npu=(3, 0.5)).unit == "npu"
    assert attempt({**ALL, "npu": "a newer NPU"}, cpu=(1, 0.5), npu=(3, 0.5)).unit == "cpu"
    kept = json.loads((tmp_path / "cache" / "trial.json").read_text())
    assert kept["chosen"] == "cpu"


@pytest.mark.parametrize("text", ["", "[]", '{"units": {}}', '{"units": {}, "chosen": 7}'])
def test_a_damaged_result_is_made_again(attempt: Try, tmp_path: Path, text: str) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "trial.json").write_text(text)
    assert attempt(ALL, cpu=(10, 0.5), npu=(3, 0.5)).unit == "npu"


def test_a_kept_device_that_is_lost_is_not_used(attempt: Try) -> None:
    assert attempt(ALL, cpu=(10, 0.5), npu=(3, 0.5)).unit == "npu"
    assert attempt(ALL, cpu=(10, 0.5)).unit == "cpu"


def test_without_a_folder_it_is_tried_each_time(attempt: Try, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("not a folder")
    assert attempt(ALL, cpu=(10, 0.5), npu=(3, 0.5)).unit == "npu"


def test_a_lone_processor_is_not_tried(attempt: Try, tmp_path: Path) -> None:
    assert attempt({"cpu": "a processor"}, cpu=(10, -1)).unit == "cpu"
    assert not (tmp_path / "cache").exists()
