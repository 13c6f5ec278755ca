"""What each quality makes of "auto", and that the user's own settings come first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.model_files import BRIGHT_AT_ITS_HEIGHT, write_model

from bgblur.config.settings import EngineSettings
from bgblur.errors import UsageError
from bgblur.segmentation.quality import QUALITIES, planned, quality_of


def plan(quality: Any, device: str = "cpu", **engine: Any) -> tuple[Any, Any, bool]:
    """(precision, input height, mirrored)"""
    settings, mirrored = planned(EngineSettings.model_validate(engine), quality, device)
    return settings.precision, settings.input_height, mirrored


@pytest.mark.parametrize("device", ["cpu", "cuda:1", "npu"])
def test_fast_is_the_settings_as_they_are(device: str) -> None:
    settings = EngineSettings(precision="bf16", input_height=128)
    assert planned(settings, "fast", device) == (settings, False)
    assert plan("fast", device) == ("auto", "auto", False)


def test_more_is_higher_then_in_full_precision_and_mirrored() -> None:
    precision, balanced, mirrored = plan("balanced")
    assert (precision, mirrored) == ("auto", False)
    precision, best, mirrored = plan("best")
    assert (precision, mirrored) == ("fp32", True)
    assert (balanced, best) == (416, 416)
    assert plan("best", "cuda")[1] == 352  # of the large network


@pytest.mark.parametrize(
    ("device", "precision"),
    [("cuda", "fp32"), ("cuda:1", "fp32"), ("mps", "fp32"), ("intel-gpu", "auto"), ("npu", "auto")],
)
def test_every_device_is_asked_for_what_it_has(device: str, precision: str) -> None:
    """An NPU has no fp32."""
    assert plan("best", device)[0] == precision
    assert plan("best", device)[2]


@pytest.mark.parametrize("quality", ["balanced", "best"])
def test_the_user_s_own_height_and_precision_win(quality: str) -> None:
    assert plan(quality, input_height=96)[1] == 96
    assert plan(quality, precision="int8")[0] == "int8"
    assert plan(quality, precision="bf16", input_height=512)[:2] == ("bf16", 512)


def test_a_model_in_int8_stays_so(tmp_path: Path) -> None:
    """The engine refuses another precision, and its model is the user's choice."""
    int8 = write_model(
        tmp_path / "a.ts", BRIGHT_AT_ITS_HEIGHT, '{"version": 2, "cpu_precision": "int8"}'
    )
    own = write_model(tmp_path / "b.ts", BRIGHT_AT_ITS_HEIGHT)
    height = plan("best")[1]
    assert plan("best", model=str(int8)) == ("auto", height, True)
    assert plan("best", model="unet-resnet18-int8") == ("auto", height, True)
    assert plan("best", model=str(own)) == ("fp32", height, True)
    assert plan("best", model="unet-lite") == ("fp32", height, True)
    assert plan("best", model=str(tmp_path / "none.ts")) == ("fp32", height, True)


def test_a_name_that_is_no_quality_is_one_line() -> None:
    assert [quality_of(name) for name in QUALITIES] == ["fast", "balanced", "best"]
    wrong: Any
    for wrong in ("superb", "", 3, ["best"]):
        with pytest.raises(UsageError, match="choose fast, balanced, best") as caught:
            quality_of(wrong)
        assert "\n" not in str(caught.value)
