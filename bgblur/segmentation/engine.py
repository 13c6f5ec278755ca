"""Runs the exported network: chooses device and precision, loads, checks, warms up.

TorchScript lives here and in training/export.py alone: upstream deprecates ``torch.jit``, and
``torch.export`` will take its place in these two files.
"""

from __future__ import annotations

import hashlib
import re
import time
import warnings
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch

from bgblur.errors import ModelError, UsageError
from bgblur.files import user_path
from bgblur.frame import Image
from bgblur.gpu.pinned import Uploader
from bgblur.gpu.stream import on_stream
from bgblur.segmentation.contract import CONTRACT_FILE, Contract, parse_contract
from bgblur.segmentation.model_file import check_archive
from bgblur.segmentation.scales import looked_at

WEIGHTS = Path(__file__).parent.parent / "weights"
SHIPPED_MODELS = {  # by the name that engine.model may give
    name: WEIGHTS / f"{name}.ts" for name in ("unet-resnet18", "unet-resnet18-int8", "unet-lite")
}
AUTO_MODEL, AUTO_INT8 = "unet-resnet18", "unet-resnet18-int8"

# In int8 the two sides of a skip connection differ in scale. That is exact enough, as export
# measures; torch would say it anew with every frame.
warnings.filterwarnings("ignore", "All inputs of this cat operator")

_WIDEST = 32  # times its height, of a picture

_MAKE_ONE = "make one with scripts/export.py or scripts/import_fastai.py"
_THREADS = torch.get_num_threads()  # as torch chose at import: one a core, or OMP_NUM_THREADS
_CV_THREADS = cv2.getNumThreads()
_COPYING = 4  # threads
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_HEIGHTS = {"cpu": 160, "mps": 288, "cuda": 288}  # "auto"; what holds 30 fps on such a device


class Engine(Protocol):
    """Finds the person. What ``upload`` returns is what ``infer`` and the compositor take."""

    device: str
    precision: str
    input_height: int

    def upload(self, image: Image) -> Any:
        """The frame where the engine computes; on the CPU the array itself."""

    def infer(self, pixels: Any) -> Any:
        """Alpha at the network's resolution: ``float32`` (h, w) in 0..1, an array on the CPU and
        a tensor elsewhere. Raises RuntimeError when the device fails."""


class TorchEngine:
    """The exported TorchScript model on one device.

    Raises ModelError on a bad model file, UsageError on a device or precision not to be had.
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
        self._module, contract = _load(path)
        own = contract.cpu_precision  # a model may know in which it is fastest
        _check_int8(path, own, precision, self.device)
        if chosen == "auto":  # only now: to choose may mean to try, which takes time
            chosen = own if own and self.device == "cpu" else choose_precision("auto", self.device)
        self.precision = chosen
        if self.precision != "int8":
            self._module.to(self.device, _DTYPES[self.precision])
        self._uploaded = Uploader(self.device)
        self._warm_up(path)

    def upload(self, image: Image) -> Any:
        return image if self.device == "cpu" else self._uploaded(image)

    @torch.inference_mode()
    def infer(self, pixels: Any) -> Any:
        on_cpu = self.device == "cpu"
        image = torch.from_numpy(pixels) if on_cpu else pixels
        rows, columns = image.shape[:2]
        if columns > _WIDEST * rows:  # the network sees it as wide as its shape asks: gigabytes
            raise RuntimeError(f"a picture of {columns}x{rows} is too wide to find a person in")
        try:
            # On processors it finds nothing to gain: alpha is the same to the bit, and so is the
            # time, but for that of the first runs, which it makes twice to five times as long.
            with torch.jit.optimized_execution(not on_cpu):  # type: ignore[attr-defined]
                alpha = looked_at(
                    lambda height: self._look(image, height), self.input_height, self.device
                )
        except Exception as error:  # TorchScript's own, or one of its text that is damaged
            raise RuntimeError(_reason(error)) from error
        return alpha.numpy() if on_cpu else alpha

    def _look(self, image: torch.Tensor, height: int) -> torch.Tensor:
        alpha = self._module(image, height)
        if not isinstance(alpha, torch.Tensor):
            raise RuntimeError(f"it gives {type(alpha).__name__}, not a tensor")
        return alpha

    def _warm_up(self, path: Path) -> None:
        """Compile for the shapes to come, and see that the file keeps the contract."""
        frame = np.zeros((self.input_height, self.input_height * 16 // 9, 3), np.uint8)
        try:
            # Where it optimises, TorchScript profiles twice, then specialises.
            for _ in range(1 if self.device == "cpu" else 3):
                with on_stream(self.device):
                    alpha = torch.as_tensor(self.infer(self.upload(frame)))
                    in_range = bool(((alpha >= 0) & (alpha <= 1)).all())  # false for a NaN
        except RuntimeError as error:
            raise ModelError(
                f"the model {path} does not run on {self.device}: {_reason(error)}"
            ) from error
        if alpha.ndim != 2 or not alpha.numel() or alpha.dtype != torch.float32 or not in_range:
            raise ModelError(f"the model {path} does not give alpha: export it anew")


def share_cores(device: str) -> None:
    """Leave one core to the other stages: a torch thread that has to wait for one holds up the
    rest of them (two cores, 1280x720: 28 frames a second on one thread, 23 on two).

    For a GPU they only copy pictures: a few do, and each that waits for the next keeps a core busy.
    So it is with OpenCV's, which only shrink them there.
    """
    threads, of_cv = max(1, _THREADS - 1), _CV_THREADS
    if choose_device(device) != "cpu":
        threads, of_cv = min(threads, _COPYING), min(of_cv, _COPYING)
    torch.set_num_threads(threads)
    cv2.setNumThreads(of_cv)


def choose_device(wanted: str) -> str:
    """``auto`` is CUDA, else MPS, else the CPU."""
    if wanted == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    available = {"cpu": True, "mps": torch.backends.mps.is_available()}
    kind, _, number = wanted.partition(":")
    found = available.get(kind, torch.cuda.is_available())
    if kind == "cuda" and found and number:
        found = int(number) < torch.cuda.device_count()
    if not found:
        raise UsageError(
            f'engine.device is "{wanted}", but torch finds no such device here: '
            'set it to "auto" or "cpu"'
        )
    return wanted


def choose_precision(wanted: str, device: str) -> str:
    """fp16 on a GPU; on the CPU bf16 where the processor is faster with it, else fp32.

    int8 is a model's own, see ``shipped_model``: "auto" is never that here.
    """
    if wanted == "int8" and device != "cpu":
        raise UsageError('engine.precision "int8" needs a processor: set it to "auto" or "fp16"')
    if device == "cpu":
        if wanted == "fp16":
            raise UsageError('engine.precision "fp16" needs a GPU: set it to "auto" or "bf16"')
        if wanted == "auto":
            features = torch.cpu.get_capabilities()
            native = features.get("avx512_bf16") or features.get("amx_bf16")
            return "bf16" if native and bf16_is_faster() else "fp32"
    return "fp16" if wanted == "auto" else wanted


@cache
def bf16_is_faster() -> bool:
    """Whether a convolution of the network's kind is. Some processors multiply bf16 natively and
    yet at half the rate (a Xeon without AMX: 64 ms a frame against 41 in fp32): ask this one."""
    best: dict[torch.dtype, float] = {}
    for dtype in (torch.float32, torch.bfloat16):
        planes = torch.zeros(1, 128, 20, 36, dtype=dtype).to(memory_format=torch.channels_last)
        kernel = torch.zeros(128, 128, 3, 3, dtype=dtype).to(memory_format=torch.channels_last)
        for run in range(6):
            began = time.perf_counter()
            torch.conv2d(planes, kernel, padding=1)
            took = time.perf_counter() - began
            if run:  # the first compiles
                best[dtype] = min(took, best.get(dtype, took))
    return best[torch.bfloat16] < best[torch.float32]


def shipped_model(wanted: str, device: str, precision: str = "auto") -> Path | None:
    """The file of ``auto``, or of a shipped model's name; None for a path.

    On processors ``auto`` is int8, unless another ``precision`` is wanted: half again to
    twice as fast as fp32 with AVX2, and alpha is the same but for a hundredth.
    """
    if wanted == "auto":
        int8 = device == "cpu" and precision in ("auto", "int8") and _multiplies_int8()
        wanted = AUTO_INT8 if int8 else AUTO_MODEL
    return SHIPPED_MODELS.get(wanted)


def auto_precision(model: str, wanted: str, device: str) -> str:
    """What ``wanted`` comes to with the model that is set, before it is loaded."""
    precision = choose_precision(wanted, device)
    int8 = shipped_model(model, device, wanted) == SHIPPED_MODELS[AUTO_INT8]
    return "int8" if int8 else precision


def _multiplies_int8() -> bool:
    """Whether torch does so here with the kernels that the model was made for."""
    x86 = torch.backends.quantized.engine in ("x86", "fbgemm", "onednn")
    return x86 and hasattr(torch, "quantize_per_tensor")  # upstream means to remove it


def _choose_int8_kernels() -> None:
    """oneDNN's, which a model that is loaded later has its weights laid out for. Without VNNI torch
    takes FBGEMM's, which are slow where there are few channels (two cores with AVX2, 160 lines: 35
    ms an inference, and 25 with oneDNN's; alpha is the same but for 0.0004 in the mean)."""
    quantized = torch.backends.quantized
    if quantized.engine in ("x86", "fbgemm") and "onednn" in quantized.supported_engines:
        quantized.engine = "onednn"


def _check_int8(path: Path, own: str | None, wanted: str, device: str) -> None:
    """Raises UsageError where a model and the settings do not agree about int8."""
    if own == "int8" and device != "cpu":
        raise UsageError(
            f'the model {path} is int8, which needs a processor: set engine.device to "cpu", '
            'or engine.model to "auto"'
        )
    if own == "int8" and wanted not in ("auto", "int8"):
        raise UsageError(f'the model {path} is int8: set engine.precision to "auto"')
    if own != "int8" and wanted == "int8":
        raise UsageError(
            f'the model {path} is not int8: set engine.precision to "auto", '
            "or make one with scripts/export.py --int8"
        )


def check_shipped(path: Path) -> None:
    """Refuse a shipped model whose SHA-256 is not the one in ``weights/SHA256SUMS``."""
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        sums = (path.parent / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise ModelError(
            f"the shipped model cannot be read ({error.strerror}: {error.filename}): "
            "install bgblur again"
        ) from error
    if f"{digest}  {path.name}" not in sums:
        raise ModelError(f"the shipped model {path} is damaged or changed: install bgblur again")


def _load(path: Path) -> tuple[Any, Contract]:
    """(module in eval mode, what its file's contract says). Raises ModelError."""
    if not path.is_file():
        names = ", ".join(("auto", *SHIPPED_MODELS))
        raise ModelError(f"there is no model file {path}: check engine.model, or set it to {names}")
    if path.stat().st_size == 0:
        raise ModelError(f"the model file {path} is empty: export it anew")
    extra = {CONTRACT_FILE: ""}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit's deprecation, see above
        try:
            check_archive(path)
            _choose_int8_kernels()
            module = torch.jit.load(str(path), map_location="cpu", _extra_files=extra)
        except ModelError:
            raise
        except Exception as error:  # damaged text in it is a UnicodeDecodeError, and so on
            raise ModelError(
                f"{path} is not a TorchScript model, or it is damaged: {_MAKE_ONE}"
            ) from error
    try:
        contract = parse_contract(extra[CONTRACT_FILE])
    except ValueError as error:
        raise ModelError(f"{path} is not a bgblur model: {_MAKE_ONE}") from error
    return module.eval(), contract


def _reason(error: Exception) -> str:
    """The one line of a TorchScript traceback, or of a driver's message, that says what failed."""
    raised: list[str] = re.findall(r"^\w*Error: (.+)", str(error), re.MULTILINE)
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return raised[-1] if raised else lines[0]
