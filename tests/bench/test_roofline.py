from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from torch import nn

from bgblur.bench import roofline_openvino
from bgblur.bench.limit import fastest, limit_ms
from bgblur.bench.roofline import network_cost, network_limit, peak_bandwidth, peak_rate
from bgblur.config.settings import EngineSettings
from bgblur.segmentation.engine_openvino import OpenVinoEngine, input_size
from bgblur.segmentation.engine_torch import TorchEngine
from bgblur.segmentation.models import SHIPPED_IR


class OneConvolution:
    """8 kernels of 3x3 over the three colours of the whole frame."""

    device, precision, input_height = "cpu", "fp32", 96

    def __init__(self) -> None:
        self.layer = nn.Conv2d(3, 8, 3, padding=1, bias=False)

    def upload(self, image: np.ndarray) -> np.ndarray:
        return image

    @torch.inference_mode()
    def infer(self, pixels: np.ndarray) -> torch.Tensor:
        planes = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
        return self.layer(planes).sigmoid()[0, 0]


def test_operations_and_bytes_of_a_convolution() -> None:
    flops, moved = network_cost(OneConvolution(), 40, 30)
    assert flops == 2 * 40 * 30 * 8 * 3 * 3 * 3  # a multiplication and an addition each
    assert moved == 4 * (3 * 40 * 30 + 8 * 3 * 3 * 3 + 8 * 40 * 30)


def test_operations_are_proportional_to_the_pixels() -> None:
    engine = TorchEngine("unet-resnet18", "cpu", "fp32", 96)
    small, _ = network_cost(engine, 640, 320)
    engine.input_height = 192
    large, _ = network_cost(engine, 640, 320)
    assert large == pytest.approx(4 * small, rel=0.01)
    assert 0.5e9 < small < 5e9


def test_the_limit_of_int8_is_that_of_the_same_network_in_bytes() -> None:
    floats = EngineSettings(device="cpu", precision="fp32")
    found = {
        kind: network_limit(settings, 640, 360, 96)
        for kind, settings in (
            ("fp32", floats),
            ("int8", floats.model_copy(update={"precision": "int8"})),
        )
    }
    assert found["int8"]["gflop"] == found["fp32"]["gflop"] > 0
    assert found["int8"]["mb"] == pytest.approx(found["fp32"]["mb"] / 4, abs=0.1)
    assert found["int8"]["gflop_per_s"] > 0


def test_the_slower_of_the_two_sets_the_limit() -> None:
    assert limit_ms(2e9, 1e6, 1e12, 1e10) == (2.0, "operations")
    assert limit_ms(2e9, 1e9, 1e12, 1e10) == (100.0, "bytes")


def test_this_processors_rates_are_measured() -> None:
    assert 1e9 < peak_rate("cpu", "fp32") < 1e14
    assert 1e8 < peak_bandwidth("cpu") < 1e13


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_openvinos_network_has_the_operations_that_torch_counts(precision: str) -> None:
    flops, _ = network_cost(TorchEngine("unet-resnet18", "cpu", "fp32", 96), 640, 360)
    name = "unet-resnet18" + ("-int8" if precision == "int8" else "")
    counted, moved = roofline_openvino.network_cost(SHIPPED_IR[name], input_size(96, 360, 640))
    assert counted == pytest.approx(flops, rel=0.01)
    assert moved < {"fp32": 1e8, "int8": 4e7}[precision]


def test_the_limit_of_openvinos_network_is_below_what_it_takes() -> None:
    settings = EngineSettings(device="cpu", model="unet-lite-int8")
    found = roofline_openvino.network_limit(settings, 640, 360, 96)
    engine = OpenVinoEngine("unet-lite-int8", input_height=96)
    image = np.zeros((360, 640, 3), np.uint8)
    took = fastest(lambda: engine.infer(image), clock=time.process_time)
    assert 0 < found["ms"] < 1000 * took
    assert found["gflop"] > 0.3
