"""From a checkpoint to the one file the daemon runs: half-precision, frozen TorchScript."""

from __future__ import annotations

import copy
import hashlib
import json
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from bgblur.errors import ModelError
from bgblur.segmentation.engine import CONTRACT
from bgblur.segmentation.network import LightUnet, Segmenter
from bgblur.training.data import Image

LARGEST = 30_000_000  # bytes: the model travels inside the package
TOLERANCE = 1e-2  # of alpha, against the network before export
SUMS = "SHA256SUMS"


@dataclass(frozen=True)
class Exported:
    """``difference`` is the largest of alpha from the network's own."""

    size: int
    sha256: str
    difference: float


def publish(network: nn.Module, target: Path, note: str) -> Exported:
    """Export, verify, put at ``target``, and enter it in ``SHA256SUMS`` beside it.

    Raises ModelError, and leaves what was there, where the file is too large or not the network.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.new")
    try:
        digest = export(network, beside, note)
        size = beside.stat().st_size
        if size > LARGEST:
            raise ModelError(
                f"the model takes {size / 1e6:.1f} MB of {LARGEST / 1e6:.0f}: "
                "choose a smaller encoder or decoder"
            )
        difference = max_difference(network, beside, parity_images())
        if not difference <= TOLERANCE:
            raise ModelError(
                f"exported alpha differs by {difference:.4f} from the network's, more than "
                f"{TOLERANCE}: its weights do not fit half precision, train on or anew"
            )
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    enter_sum(target, digest)
    return Exported(size, digest, difference)


def export(network: nn.Module, target: Path, note: str = "") -> str:
    """Write ``target`` and return its SHA-256.

    Weights are stored in half precision with batch norms folded in; they stay parameters of the
    frozen module (not graph constants), so that one file can be cast to fp16, bf16 or fp32.
    """
    contract: dict[str, object] = {"version": 1, "note": note}
    if isinstance(network, LightUnet):
        contract["cpu_precision"] = "fp32"  # bf16 makes its depthwise convolutions slower
    folded = fold_batch_norms(copy.deepcopy(network).cpu().eval())
    segmenter = Segmenter(folded).eval().to(memory_format=torch.channels_last)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit's deprecation, see segmentation/engine.py
        example = torch.zeros(1, 3, 96, 160).contiguous(memory_format=torch.channels_last)
        segmenter.network = torch.jit.trace(folded, example)
        scripted = torch.jit.script(segmenter.half())
        frozen = torch.jit._recursive.wrap_cpp_module(
            torch._C._freeze_module(scripted._c, preserveParameters=True)
        )
        frozen.save(str(target), _extra_files={CONTRACT: json.dumps(contract)})
    return hashlib.sha256(target.read_bytes()).hexdigest()


def fold_batch_norms(module: nn.Module) -> nn.Module:
    """Every convolution directly followed by a batch norm, in declaration order, made one.

    timm's batch norms carry the activation that follows them: it stays.
    """
    for parent in list(module.modules()):
        previous: tuple[str, nn.Conv2d] | None = None
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d) and previous is not None:
                setattr(parent, previous[0], fuse_conv_bn_eval(previous[1], child))
                setattr(parent, name, getattr(child, "act", nn.Identity()))
            previous = (name, child) if isinstance(child, nn.Conv2d) else None
    return module


@torch.inference_mode()
def max_difference(
    network: nn.Module, exported: Path, images: Sequence[Image], input_height: int = 192
) -> float:
    """Largest difference of the file's alpha from the network's, both in fp32 on the CPU."""
    segmenter = Segmenter(copy.deepcopy(network).cpu()).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.jit.load(str(exported), map_location="cpu").float().eval()
    tensors = [torch.from_numpy(image) for image in images]
    pairs = [(module(image, input_height), segmenter(image, input_height)) for image in tensors]
    return max(float((alpha - truth).abs().max()) for alpha, truth in pairs)


def parity_images() -> list[Image]:
    """A public-domain portrait, a close-up of odd size, and noise."""
    from skimage import data

    portrait = np.ascontiguousarray(data.astronaut()[..., ::-1])
    noise = np.random.default_rng(0).integers(0, 256, (240, 427, 3), np.uint8)
    return [portrait, np.ascontiguousarray(portrait[:301, 100:401]), noise]


def enter_sum(target: Path, digest: str) -> None:
    """Add or renew the file's line in the ``SHA256SUMS`` beside it."""
    sums = target.with_name(SUMS)
    lines = sums.read_text(encoding="utf-8").splitlines() if sums.exists() else []
    kept = [line for line in lines if line.split(maxsplit=1)[1:] != [target.name]]
    beside = sums.with_name(f".{SUMS}.new")
    beside.write_text("\n".join([*kept, f"{digest}  {target.name}"]) + "\n", encoding="utf-8")
    beside.replace(sums)


def read_note(model: Path) -> str:
    """How an exported model was trained, as it was noted at export."""
    with zipfile.ZipFile(model) as archive:
        name = next(n for n in archive.namelist() if n.endswith(f"/extra/{CONTRACT}"))
        return str(json.loads(archive.read(name)).get("note", ""))
