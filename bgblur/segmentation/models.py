"""The models that come with bgblur: their names, their files, and a check of the files.

Imports no torch.
"""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

from bgblur.errors import ModelError

WEIGHTS = Path(__file__).parent.parent / "weights"
SHIPPED_MODELS = {  # by the name that engine.model may have
    name: WEIGHTS / f"{name}.ts" for name in ("unet-resnet18", "unet-resnet18-int8", "unet-lite")
}
SHIPPED_IR = {  # the last for processors alone
    name: WEIGHTS / f"{name}.xml" for name in (*SHIPPED_MODELS, "unet-lite-int8")
}
AUTO_MODEL, AUTO_INT8 = "unet-resnet18", "unet-resnet18-int8"  # of torch
LITE, LITE_INT8 = "unet-lite", "unet-lite-int8"  # of OpenVINO on processors


def check_shipped(path: Path) -> None:
    """Raises ModelError for a shipped model whose SHA-256 is not in ``weights/SHA256SUMS``."""
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


def shipped_ir(wanted: str, precision: str = "auto") -> Path | None:
    """The .xml of a shipped model's name or of "auto"; None for a path.

    "auto" is the light network, in int8 on x86 unless another ``precision`` is wanted; for "fp16",
    the arithmetic of Intel's GPUs and NPUs, it is the large one.
    """
    if wanted == "auto":
        x86 = platform.machine().lower() in ("x86_64", "amd64")
        int8 = precision == "int8" or (precision == "auto" and x86)
        wanted = LITE_INT8 if int8 else AUTO_MODEL if precision == "fp16" else LITE
    return SHIPPED_IR.get(wanted)
