"""Runs a network or an exported model as the daemon does, for evaluation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from bgblur.frame import Alpha, Image
from bgblur.gpu.stream import fetched
from bgblur.segmentation.engine import Engine
from bgblur.segmentation.matting import Matting
from bgblur.segmentation.network import Segmenter
from bgblur.segmentation.options import MaskOptions
from bgblur.segmentation.scales_torch import infer_at_scales
from bgblur.stats import Stats

Predictor = Callable[[Image], Alpha]  # BGR uint8 (H, W, 3) -> alpha float32 (H, W)
ASPECT = 16 / 9  # pictures are letterboxed to a webcam's shape


class NetworkEngine:
    """An Engine for a network that is not exported, on the network's device."""

    precision = "fp32"

    def __init__(self, network: nn.Module, input_height: int) -> None:
        self.device = str(next(network.parameters()).device)
        if self.device != "cpu":
            torch.cuda.synchronize()  # frames use another stream than the last training step
        self.input_height = input_height
        self._segmenter = Segmenter(network).to(self.device).eval()

    def upload(self, image: Image) -> Any:
        return image if self.device == "cpu" else torch.from_numpy(image).to(self.device)

    @torch.inference_mode()
    def infer(self, pixels: Any) -> Any:
        image = torch.as_tensor(pixels)
        alpha = infer_at_scales(lambda height: self._segmenter(image, height), self.input_height)
        return alpha.numpy() if self.device == "cpu" else alpha


def still_predictor(engine: Engine) -> Predictor:
    """A predictor for unrelated pictures, without smoothing over time."""
    return predictor_with(engine, MaskOptions(smoothing=0.0))


def clip_predictor(engine: Engine) -> Predictor:
    """A predictor for the frames of one clip, in order, smoothed as the daemon does by default."""
    return predictor_with(engine, MaskOptions())


def predictor_with(engine: Engine, options: MaskOptions) -> Predictor:
    matting = Matting(engine, Stats())

    def predict(image: Image) -> Alpha:
        return fetched(matting(image, options)[1])

    return predict


def letterboxed(predict: Predictor, image: Image) -> Alpha:
    """Alpha of the picture, predicted with black bars added to make it 16:9."""
    rows, columns = image.shape[:2]
    height, width = max(rows, round(columns / ASPECT)), max(columns, round(rows * ASPECT))
    y, x = (height - rows) // 2, (width - columns) // 2
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[y : y + rows, x : x + columns] = image
    return predict(canvas)[y : y + rows, x : x + columns]
