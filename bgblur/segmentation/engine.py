"""Runs the exported network: chooses device and precision, loads, checks, warms up.

TorchScript lives here and in training/export.py alone: upstream deprecates ``torch.jit``, and
``torch.export`` will take its place in these two files.
"""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from bgblur.errors import ModelError, UsageError
from bgblur.frame import Image

CONTRACT = "bgblur.json"  # the archive's extra file that says it keeps network.Segmenter's contract
WEIGHTS = Path(__file__).parent.parent / "weights"
SHIPPED = WEIGHTS / "unet-resnet18.ts"

_MAKE_ONE = "make one with scripts/export.py or scripts/import_fastai.py"
_THREADS = torch.get_num_threads()  # as torch chose at import: one a core, or OMP_NUM_THREADS
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
        self.precision = choose_precision(precision, self.device)
        kind = torch.device(self.device).type
        self.input_height = _HEIGHTS[kind] if isinstance(input_height, str) else input_height
        path = SHIPPED if model == "auto" else Path(model).expanduser()
        if model == "auto":
            check_shipped(path)
        self._module = _load(path, self.device, _DTYPES[self.precision])
        self._warm_up(path)

    def upload(self, image: Image) -> Any:
        return image if self.device == "cpu" else torch.from_numpy(image).to(self.device)

    @torch.inference_mode()
    def infer(self, pixels: Any) -> Any:
        on_cpu = self.device == "cpu"
        image = torch.from_numpy(pixels) if on_cpu else pixels
        try:
            alpha = self._module(image, self.input_height)
        except (RuntimeError, torch.jit.Error) as error:
            raise RuntimeError(_reason(error)) from error
        if not isinstance(alpha, torch.Tensor):
            raise RuntimeError(f"it gives {type(alpha).__name__}, not a tensor")
        return alpha.numpy() if on_cpu else alpha

    def _warm_up(self, path: Path) -> None:
        """Compile for the shapes to come, and see that the file keeps the contract."""
        frame = np.zeros((self.input_height, self.input_height * 16 // 9, 3), np.uint8)
        try:
            for _ in range(3):  # TorchScript profiles twice, then specialises
                alpha = torch.as_tensor(self.infer(self.upload(frame)))
        except RuntimeError as error:
            raise ModelError(
                f"the model {path} does not run on {self.device}: {_reason(error)}"
            ) from error
        in_range = bool(((alpha >= 0) & (alpha <= 1)).all())  # false for a NaN
        if alpha.ndim != 2 or not alpha.numel() or alpha.dtype != torch.float32 or not in_range:
            raise ModelError(f"the model {path} does not give alpha: export it anew")


def share_cores() -> None:
    """Leave one core to the other stages: a torch thread that has to wait for one holds up the
    rest of them (two cores, 1280x720: 28 frames a second on one thread, 23 on two)."""
    torch.set_num_threads(max(1, _THREADS - 1))


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
    """fp16 on a GPU; on the CPU bf16 where the processor multiplies it natively, else fp32."""
    if device == "cpu":
        if wanted == "fp16":
            raise UsageError('engine.precision "fp16" needs a GPU: set it to "auto" or "bf16"')
        if wanted == "auto":
            features = torch.cpu.get_capabilities()
            native = features.get("avx512_bf16") or features.get("amx_bf16")
            return "bf16" if native else "fp32"
    return "fp16" if wanted == "auto" else wanted


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


def _load(path: Path, device: str, dtype: torch.dtype) -> Any:
    if not path.is_file():
        raise ModelError(f"there is no model file {path}: check engine.model")
    if path.stat().st_size == 0:
        raise ModelError(f"the model file {path} is empty: export it anew")
    extra = {CONTRACT: ""}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit's deprecation, see above
        try:
            module = torch.jit.load(str(path), map_location=device, _extra_files=extra)
        except RuntimeError as error:
            raise ModelError(
                f"{path} is not a TorchScript model, or it is damaged: {_MAKE_ONE}"
            ) from error
        if _version(extra[CONTRACT]) != 1:
            raise ModelError(f"{path} is not a bgblur model: {_MAKE_ONE}")
        return module.to(dtype).eval()


def _version(contract: str) -> object:
    try:
        return json.loads(contract)["version"]
    except (ValueError, TypeError, KeyError):
        return None


def _reason(error: Exception) -> str:
    """The one line of a TorchScript traceback, or of a driver's message, that says what failed."""
    raised: list[str] = re.findall(r"^\w*Error: (.+)", str(error), re.MULTILINE)
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return raised[-1] if raised else lines[0]
