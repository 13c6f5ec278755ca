"""A script's model is run by what its file is for."""

from __future__ import annotations

import pytest

from bgblur.segmentation.engine_openvino import OpenVinoEngine
from bgblur.segmentation.engine_torch import TorchEngine
from bgblur.segmentation.models import SHIPPED_IR, SHIPPED_MODELS
from bgblur.training.evaluate.engines import engine_for


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("unet-lite", TorchEngine),
        (str(SHIPPED_MODELS["unet-lite"]), TorchEngine),
        (str(SHIPPED_IR["unet-lite"]), OpenVinoEngine),
    ],
)
def test_the_file_decides(model: str, kind: type) -> None:
    engine = engine_for(model, "cpu", "fp32", 96)
    assert type(engine) is kind
    assert (engine.precision, engine.input_height) == ("fp32", 96)
