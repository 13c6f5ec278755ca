"""Runs an exported network with OpenVINO, without torch: on the processor, an Intel GPU or an NPU.

The picture is resized by OpenCV: OpenVINO's own antialiased resize takes 14 ms of processor time
for 1280x720, OpenCV's steps less than one. Conversion and normalisation are in the graph.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from bgblur.errors import ModelError, UnfitPictureError, UsageError, one_line
from bgblur.files import user_path
from bgblur.frame import Alpha, Image
from bgblur.imaging.resize import antialiased
from bgblur.segmentation.contract import check_int8, contract_of
from bgblur.segmentation.models import SHIPPED_IR, check_shipped, shipped_ir
from bgblur.segmentation.openvino_core import compile_model, units
from bgblur.segmentation.scales import heights_of, infer_at_scales

_STRIDE = 32  # network inputs are multiples of it
_WIDEST = 32  # largest width of a picture, as a multiple of its height
_HEIGHT = 160  # "auto"
_HINTS = {"fp32": "f32", "fp16": "f16", "bf16": "bf16"}
_REST = {"cpu": "f32", "intel-gpu": "f16", "npu": "f16"}  # of int8's operations that are not int8
_KEPT = 4  # compiled shapes; each holds its own copy of the weights


class OpenVinoEngine:
    """The IR ``model`` (an .xml's path, a shipped model's name, or "auto") on ``unit``: "cpu",
    "intel-gpu" or "npu".

    Each size of the network's input is compiled when it is first needed. ``threads`` limits the
    threads of an inference on the processor; None takes all cores.

    Raises ModelError for a bad model file, UsageError for a unit or a precision that is not there.
    """

    device = "cpu"  # where pictures and alpha are, whatever the unit

    def __init__(
        self,
        model: str = "auto",
        precision: str = "auto",
        input_height: int | str = "auto",
        threads: int | None = 1,
        unit: str = "cpu",
    ) -> None:
        self.unit = _present(unit)
        self.input_height = _HEIGHT if isinstance(input_height, str) else input_height
        shipped = shipped_ir(model, precision if unit == "cpu" or precision == "int8" else "fp16")
        self.path = shipped or user_path(model, ModelError)
        if shipped is not None:
            check_shipped(shipped)
            check_shipped(shipped.with_suffix(".bin"))
        elif not self.path.is_file():
            names = ", ".join(("auto", *SHIPPED_IR))
            raise ModelError(
                f"there is no model file {self.path}: check engine.model, or set it to {names}"
            )
        own = contract_of(self.path).cpu_precision
        self.precision = _precision(self.path, own, precision, unit)
        self._threads = threads
        self._requests: OrderedDict[tuple[int, int], Any] = OrderedDict()
        self._changing = threading.Lock()
        self._warm_up()

    def upload(self, image: Image) -> Image:
        return image

    def infer(self, pixels: Image) -> Alpha:
        rows, columns = pixels.shape[:2]
        if columns > _WIDEST * rows:  # the network's input is as wide: it would take gigabytes
            raise UnfitPictureError(
                f"a picture of {columns}x{rows} is too wide to find a person in"
            )
        try:
            return infer_at_scales(lambda height: self._run(pixels, height), self.input_height)
        except Exception as error:  # OpenVINO's messages have many lines
            raise RuntimeError(_reason(error)) from error

    def compiled(self, input_height: int, rows: int, columns: int) -> bool:
        sizes = {input_size(height, rows, columns) for height in heights_of(input_height)}
        return self._requests.keys() >= sizes

    def compile(self, input_height: int, rows: int, columns: int) -> None:
        for height in heights_of(input_height):
            try:
                self._request(*input_size(height, rows, columns))
            except Exception as error:
                raise RuntimeError(_reason(error)) from error

    def _run(self, image: Image, input_height: int) -> Alpha:
        height, width = input_size(input_height, *image.shape[:2])
        small = np.ascontiguousarray(antialiased(image, width, height))
        request = self._request(height, width)
        alpha = request.infer([small[None]], share_inputs=True)[0]
        if alpha.shape[:2] != (1, 1):
            raise RuntimeError(f"it gives an array of {alpha.shape}")
        return alpha[0, 0]

    def _request(self, height: int, width: int) -> Any:
        """What runs the network at this size."""
        size = height, width
        request = self._requests.get(size)
        if request is None:
            request = compile_model(
                self.path, size, self.unit, self.config()
            ).create_infer_request()
        with self._changing:  # ``compile`` runs in another thread
            self._requests[size] = request
            self._requests.move_to_end(size)
            if len(self._requests) > _KEPT:
                self._requests.popitem(last=False)
        return request

    def config(self) -> dict[str, Any]:
        """With which a model is compiled."""
        config: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            # On processors it would be bf16 where there is any.
            "INFERENCE_PRECISION_HINT": _HINTS.get(self.precision, _REST[self.unit]),
        }
        if self.unit != "cpu":
            return config
        config["ENABLE_CPU_PINNING"] = False  # another program may keep that core busy
        if self._threads is not None:
            config["INFERENCE_NUM_THREADS"] = self._threads
        return config

    def _warm_up(self) -> None:
        """Compile for the shapes to come, and check that the output is an alpha."""
        frame = np.zeros((self.input_height, self.input_height * 16 // 9, 3), np.uint8)
        try:
            alpha = self.infer(frame)
        except RuntimeError as error:
            raise ModelError(f"the model {self.path} does not run: {error}") from error
        in_range = bool(((alpha >= 0) & (alpha <= 1)).all())  # false for a NaN
        if alpha.ndim != 2 or not alpha.size or alpha.dtype != np.float32 or not in_range:
            raise ModelError(f"the model {self.path} does not give alpha: export it again")


def input_size(input_height: int, rows: int, columns: int) -> tuple[int, int]:
    """(height, width) of the network's input for frames of so many ``rows`` and ``columns``."""
    height = max(_STRIDE, round(input_height / _STRIDE) * _STRIDE)
    return height, max(_STRIDE, round(height * columns / rows / _STRIDE) * _STRIDE)


def _present(unit: str) -> str:
    """``unit``. Raises UsageError where OpenVINO does not find it."""
    if unit != "cpu" and unit not in units():
        what = "NPU" if unit == "npu" else "Intel GPU"
        raise UsageError(
            f'engine.device is "{unit}", and OpenVINO finds no {what}: install its driver '
            '(docs/troubleshooting.md), or set engine.device to "auto"'
        )
    return unit


def _precision(path: Path, own: str | None, wanted: str, unit: str) -> str:
    """``wanted``, or the model's ``own`` for "auto". Raises UsageError where they disagree."""
    if wanted == "fp16" and unit == "cpu":
        raise UsageError('engine.precision "fp16" needs a GPU: set it to "auto" or "bf16"')
    if wanted == "bf16" and unit != "cpu":
        raise UsageError(f'engine.precision "bf16" is not for "{unit}": set it to "auto"')
    check_int8(path, own, wanted)
    if wanted == "auto":
        return own or "fp32" if unit == "cpu" or own == "int8" else "fp16"
    return wanted


def _reason(error: Exception) -> str:
    """The last line of OpenVINO's message; the lines before name its source files."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    return lines[-1].strip() if lines else one_line(error)
