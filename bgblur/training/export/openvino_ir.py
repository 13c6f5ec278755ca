"""Exports a network as OpenVINO IR, which processors run without torch: two files, .xml and .bin.

The graph takes a picture of the network's size, ``float32`` BGR (1, 3, h, w) in 0..255, and gives
alpha (1, 1, h, w): normalisation and sigmoid are part of it. Its contract is in the .xml.
"""

from __future__ import annotations

import copy
import hashlib
import warnings
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bgblur.errors import ModelError
from bgblur.frame import Image
from bgblur.segmentation.contract import CONTRACT_KEY, Contract, Precision
from bgblur.segmentation.network import MEAN, STD, LightUnet, Segmenter
from bgblur.segmentation.openvino_import import import_openvino
from bgblur.training.export.equivalents import for_processors
from bgblur.training.export.export import (
    INT8_TOLERANCE,
    LARGEST,
    TOLERANCE,
    Exported,
    enter_sum,
    fold_batch_norms,
    parity_images,
)

_EXAMPLE = (96, 160)


def publish_ir(
    network: nn.Module,
    target: Path,
    history: Contract,
    calibrate: Iterable[Tensor] | None = None,
) -> Exported:
    """As ``export.publish``, to ``target``, an .xml, and the .bin beside it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.stem}.unfinished.xml")
    parts = (unfinished, unfinished.with_suffix(".bin"))
    try:
        export_ir(network, unfinished, history, calibrate)
        difference = _difference(network, unfinished, int8=calibrate is not None)
        size = sum(part.stat().st_size for part in parts)
        if size > LARGEST:
            raise ModelError(
                f"the model takes {size / 1e6:.1f} MB of {LARGEST / 1e6:.0f}: "
                "choose a smaller encoder or decoder"
            )
        limit = TOLERANCE if calibrate is None else INT8_TOLERANCE
        if not difference <= limit:
            raise ModelError(
                f"exported alpha differs by {difference:.4f} from the network's, more than "
                f"{limit}: train it further or again"
            )
        for part in parts:
            part.replace(target.with_suffix(part.suffix))
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
    digests = []
    for suffix in (".xml", ".bin"):
        made = target.with_suffix(suffix)
        digests.append(hashlib.sha256(made.read_bytes()).hexdigest())
        enter_sum(made, digests[-1])
    return Exported(size, digests[0], difference)


def export_ir(
    network: nn.Module,
    target: Path,
    history: Contract | None = None,
    calibrate: Iterable[Tensor] | None = None,
) -> None:
    """Write ``target``, an .xml, and its .bin with weights in half precision.

    With ``calibrate``, normalised network inputs to find the ranges on, the network is int8.
    """
    ov = import_openvino()
    convert_model = import_module("openvino.tools.ovc").convert_model

    folded = fold_batch_norms(copy.deepcopy(network).cpu().eval()).requires_grad_(False)
    precision: Precision | None = "fp32" if isinstance(folded, LightUnet) else None
    if isinstance(folded, LightUnet):
        folded = for_processors(folded)
    if hasattr(folded, "requires_divisible_input_shape"):  # an ``if`` that tracing cannot follow
        folded.requires_divisible_input_shape = False  # type: ignore[assignment]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        example = torch.zeros(1, 3, *_EXAMPLE)
        model = convert_model(_Plain(folded).eval(), example_input=example, input=[1, 3, -1, -1])
    if calibrate is not None:
        precision = "int8"
        model = _quantized(model, calibrate)
    contract = (history or Contract()).model_copy(update={"cpu_precision": precision})
    model.set_rt_info(contract.dumps(), [CONTRACT_KEY])
    ov.save_model(model, target, compress_to_fp16=True)


class _Plain(nn.Module):
    """``network`` with normalisation and sigmoid, without the resizing of ``Segmenter``."""

    scale: Tensor
    shift: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("scale", 1 / (255 * torch.tensor(STD).view(1, 3, 1, 1)))
        self.register_buffer("shift", -(torch.tensor(MEAN) / torch.tensor(STD)).view(1, 3, 1, 1))

    def forward(self, picture: Tensor) -> Tensor:
        return torch.sigmoid(self.network(picture.flip(1) * self.scale + self.shift))


def _quantized(model: Any, inputs: Iterable[Tensor]) -> Any:
    """Post-training static quantization by NNCF; the last convolution stays in single precision.

    Ranges are the least and greatest values of all pictures. NNCF's default, the mean of each
    picture's range, cuts off the logits: alpha then differs from the network's by 0.017 in the mean
    on a portrait, and by 0.003 so.
    """
    import_openvino()  # first, so that no telemetry is loaded
    import nncf
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    mean, std = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(STD).view(1, 3, 1, 1)
    pictures = [((images * std + mean) * 255).flip(1).numpy() for images in inputs]
    convolutions = [op for op in model.get_ordered_ops() if op.get_type_name() == "Convolution"]
    return nncf.quantize(
        model,
        nncf.Dataset(pictures),
        subset_size=len(pictures),
        preset=nncf.QuantizationPreset.MIXED,
        ignored_scope=nncf.IgnoredScope(names=[convolutions[-1].get_friendly_name()]),
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            disable_bias_correction=True,
            activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX,
        ),
    )


def _difference(network: nn.Module, exported: Path, int8: bool) -> float:
    """The largest difference at any pixel; for int8 the mean."""
    pictures = parity_images()[:2] if int8 else parity_images()
    found = ir_differences(network, exported, pictures)
    return float(found.mean() if int8 else found.max())


@torch.inference_mode()
def ir_differences(
    network: nn.Module, exported: Path, images: Sequence[Image], input_height: int = 192
) -> Any:
    """As ``export.differences``. Both sides are given the same resized picture."""
    ov = import_openvino()

    compiled = ov.Core().compile_model(exported, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    segmenter = Segmenter(copy.deepcopy(network).cpu()).eval()
    found = []
    for image in images:
        height, width = segmenter(torch.from_numpy(image), input_height).shape
        planes = torch.from_numpy(image).permute(2, 0, 1)[None]
        small = torch.nn.functional.interpolate(
            planes, size=[height, width], mode="bilinear", antialias=True
        )
        alpha = compiled(small.float().numpy())[0][0, 0]
        truth = segmenter(small[0].permute(1, 2, 0).contiguous(), height)
        found.append(np.abs(alpha - truth.numpy()).ravel())
    return np.concatenate(found)
