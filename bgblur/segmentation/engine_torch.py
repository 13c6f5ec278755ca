"""Runs an exported TorchScript network on one torch device."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bgblur.errors import ModelError, UnfitPictureError, UsageError
from bgblur.files import user_path
from bgblur.frame import Image
from bgblur.gpu.pinned import Uploader
from bgblur.gpu.stream import on_stream
from bgblur.segmentation.contract import check_int8
from bgblur.segmentation.device_torch import (
    DTYPES,
    choose_device,
    choose_precision,
    shipped_model,
)
from bgblur.segmentation.model_file_torch import load_model
from bgblur.segmentation.models import check_shipped
from bgblur.segmentation.scales_torch import infer_at_scales

# In int8 the two inputs of a skip connection differ in scale. Export measures that this is exact
# enough; torch would warn with every frame.
warnings.filterwarnings("ignore", "All inputs of this cat operator")

_WIDEST = 32  # largest width of a picture, as a multiple of its height
_HEIGHTS = {"cpu": 160, "mps": 288, "cuda": 288}  # "auto"; what keeps 30 fps on such a device


class TorchEngine:
    """The TorchScript ``model`` (a path, a shipped model's name, or "auto") on one ``device``.

    Raises ModelError for a bad model file, UsageError for a device or precision that is not there.
    """

    def __init__(
        self,
        model: str = "auto",
        device: str = "auto",
        precision: str = "auto",
        input_height: int | str = "auto",
    ) -> None:
        self.device = choose_device(device)
        kind = torch.device(self.device).type
        self.input_height = _HEIGHTS[kind] if isinstance(input_height, str) else input_height
        chosen = precision if precision == "auto" else choose_precision(precision, self.device)
        shipped = shipped_model(model, self.device, precision)
        path = shipped or user_path(model, ModelError)
        if shipped is not None:
            check_shipped(shipped)
        self._module, contract = load_model(path)
        own = contract.cpu_precision  # the one in which this model is fastest
        _check_int8(path, own, precision, self.device)
        if chosen == "auto":  # only now: choosing may take a measurement
            chosen = own if own and self.device == "cpu" else choose_precision("auto", self.device)
        self.precision = chosen
        if self.precision != "int8":
            self._module.to(self.device, DTYPES[self.precision])
        self._uploaded = Uploader(self.device)
        self._warm_up(path)

    def upload(self, image: Image) -> Any:
        return image if self.device == "cpu" else self._uploaded(image)

    @torch.inference_mode()
    def infer(self, pixels: Any) -> Any:
        on_cpu = self.device == "cpu"
        image = torch.from_numpy(pixels) if on_cpu else pixels
        rows, columns = image.shape[:2]
        if columns > _WIDEST * rows:  # the network's input is as wide: it would take gigabytes
            raise UnfitPictureError(
                f"a picture of {columns}x{rows} is too wide to find a person in"
            )
        try:
            # On processors optimisation gains nothing: alpha is equal to the bit and the time is
            # the same, but the first runs take two to five times as long.
            with torch.jit.optimized_execution(not on_cpu):  # type: ignore[attr-defined]
                alpha = infer_at_scales(
                    lambda height: self._run(image, height), self.input_height, self.device
                )
        except Exception as error:  # TorchScript's own types, or a UnicodeDecodeError of its text
            raise RuntimeError(_reason(error)) from error
        return alpha.numpy() if on_cpu else alpha

    def _run(self, image: torch.Tensor, height: int) -> torch.Tensor:
        alpha = self._module(image, height)
        if not isinstance(alpha, torch.Tensor):
            raise RuntimeError(f"it gives {type(alpha).__name__}, not a tensor")
        return alpha

    def _warm_up(self, path: Path) -> None:
        """Compile for the shapes to come, and check that the output is an alpha."""
        frame = np.zeros((self.input_height, self.input_height * 16 // 9, 3), np.uint8)
        try:
            # Where TorchScript optimises, it profiles two runs, then specialises.
            for _ in range(1 if self.device == "cpu" else 3):
                with on_stream(self.device):
                    alpha = torch.as_tensor(self.infer(self.upload(frame)))
                    in_range = bool(((alpha >= 0) & (alpha <= 1)).all())  # false for a NaN
        except RuntimeError as error:
            raise ModelError(
                f"the model {path} does not run on {self.device}: {_reason(error)}"
            ) from error
        if alpha.ndim != 2 or not alpha.numel() or alpha.dtype != torch.float32 or not in_range:
            raise ModelError(f"the model {path} does not give alpha: export it again")


def _check_int8(path: Path, own: str | None, wanted: str, device: str) -> None:
    """Raises UsageError where the model and the settings disagree about int8."""
    if own == "int8" and device != "cpu":
        raise UsageError(
            f'the model {path} is int8, which needs a processor: set engine.device to "cpu", '
            'or engine.model to "auto"'
        )
    check_int8(path, own, wanted)


def _reason(error: Exception) -> str:
    """The line of a TorchScript traceback or of a driver's message that says what failed."""
    raised: list[str] = re.findall(r"^\w*Error: (.+)", str(error), re.MULTILINE)
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return raised[-1] if raised else lines[0]
