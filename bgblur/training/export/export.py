"""Exports a trained network to the file that the daemon runs: TorchScript, fp16 or int8."""

from __future__ import annotations

import copy
import hashlib
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from bgblur.errors import ModelError
from bgblur.files import replacing
from bgblur.frame import Image
from bgblur.segmentation.contract import CONTRACT_FILE, Contract, Precision
from bgblur.segmentation.network import LightUnet, Segmenter
from bgblur.training.export.equivalents import for_processors
from bgblur.training.export.quantize import quantized

LARGEST = 30_000_000  # bytes: the model travels inside the package
TOLERANCE = 1e-2  # largest difference of alpha at any pixel from the network before export
_ROUNDED = 0.1  # a larger difference means weights that GPUs, which compute in fp16, cannot hold
INT8_TOLERANCE = 5e-3  # mean difference of alpha: an outline may move by a fraction of a pixel
SUMS = "SHA256SUMS"


@dataclass(frozen=True)
class Exported:
    """The file's size in bytes, its SHA-256, and how far its alpha differs from the network's.

    ``difference`` is the largest at any pixel; for int8 the mean.
    """

    size: int
    sha256: str
    difference: float


def publish(
    network: nn.Module,
    target: Path,
    history: Contract,
    calibrate: Iterable[Tensor] | None = None,
) -> Exported:
    """Export to ``target``, verify, and enter the file in the folder's ``SHA256SUMS``.

    A small network whose alpha changes too much in half precision is exported in single precision.
    ``calibrate`` makes it int8, see ``export``. Where the file is too large or its alpha differs
    from the network's, raises ModelError and keeps the old file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as unfinished:
        digest = export(network, unfinished, history, calibrate)
        difference = _difference(network, unfinished, int8=calibrate is not None)
        rounded = calibrate is None and TOLERANCE < difference < _ROUNDED
        if rounded and 2 * unfinished.stat().st_size <= LARGEST:
            digest = export(network, unfinished, history, half=False)
            difference = _difference(network, unfinished, int8=False)
        size = unfinished.stat().st_size
        if size > LARGEST:
            raise ModelError(
                f"the model takes {size / 1e6:.1f} MB of {LARGEST / 1e6:.0f}: "
                "choose a smaller encoder or decoder"
            )
        _check(difference, int8=calibrate is not None)
    enter_sum(target, digest)
    return Exported(size, digest, difference)


def _difference(network: nn.Module, exported: Path, int8: bool) -> float:
    """``Exported.difference``."""
    if int8:
        photos = parity_images()[:2]  # int8 ranges fit pictures, not noise
        return float(differences(network, exported, photos).mean())
    return max_difference(network, exported, parity_images())


def _check(difference: float, int8: bool) -> None:
    """Raises ModelError where the difference is too large."""
    limit, kind = (INT8_TOLERANCE, "int8") if int8 else (TOLERANCE, "half precision")
    if not difference <= limit:
        raise ModelError(
            f"exported alpha differs by {difference:.4f} from the network's, more than "
            f"{limit}: its weights do not fit {kind}, train it further or again"
        )


def export(
    network: nn.Module,
    target: Path,
    history: Contract | None = None,
    calibrate: Iterable[Tensor] | None = None,
    half: bool = True,
) -> str:
    """Write ``target`` and return its SHA-256.

    Weights are stored in half precision, unless ``half`` is false, with batch norms folded in. They
    stay parameters of the frozen module (not graph constants), so that one file can be cast to
    fp16, bf16 or fp32. With ``calibrate``, network inputs to find the ranges on, the network is
    int8 and runs on processors only. ``history`` goes into the file's contract.
    """
    cpu_precision: Precision | None = None
    if isinstance(network, LightUnet):
        cpu_precision = "fp32"  # bf16 makes its depthwise convolutions slower
    folded = fold_batch_norms(copy.deepcopy(network).cpu().eval())
    if calibrate is not None:
        cpu_precision = "int8"
        folded = quantized(folded, calibrate)
    elif isinstance(folded, LightUnet):
        folded = for_processors(folded)
    contract = (history or Contract()).model_copy(update={"cpu_precision": cpu_precision})
    segmenter = Segmenter(folded).eval().to(memory_format=torch.channels_last)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated
        example = torch.zeros(1, 3, 96, 160).contiguous(memory_format=torch.channels_last)
        segmenter.network = torch.jit.trace(folded, example)
        halved = half and calibrate is None
        scripted = torch.jit.script(segmenter.half() if halved else segmenter)
        frozen = torch.jit._recursive.wrap_cpp_module(
            torch._C._freeze_module(scripted._c, preserveParameters=True)
        )
        # Not ``save``: that puts the file's name, here a temporary one, into the file.
        data = frozen.save_to_buffer(_extra_files={CONTRACT_FILE: contract.dumps()})
    target.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def fold_batch_norms(module: nn.Module) -> nn.Module:
    """Fold each batch norm that directly follows a convolution into it, in place.

    timm's batch norms contain the activation that follows them; it is kept.
    """
    for name, convolution, norm in list(norm_pairs(module)):
        path, _, child = name.rpartition(".")
        parent = module.get_submodule(path)
        after = next(n for n, other in parent.named_children() if other is norm)
        setattr(parent, child, fuse_conv_bn_eval(convolution, norm))
        setattr(parent, after, getattr(norm, "act", nn.Identity()))
    return module


def norm_pairs(module: nn.Module) -> Iterator[tuple[str, nn.Conv2d, nn.BatchNorm2d]]:
    """(name of a convolution, the convolution, its batch norm), which is declared directly after it
    in the same parent."""
    for path, parent in module.named_modules():
        previous: tuple[str, nn.Conv2d] | None = None
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d) and previous is not None:
                yield f"{path}.{previous[0]}".removeprefix("."), previous[1], child
            previous = (name, child) if isinstance(child, nn.Conv2d) else None


def max_difference(network: nn.Module, exported: Path, images: Sequence[Image]) -> float:
    """The largest difference of the file's alpha from the network's."""
    return float(differences(network, exported, images).max())


@torch.inference_mode()
def differences(
    network: nn.Module, exported: Path, images: Sequence[Image], input_height: int = 192
) -> Tensor:
    """Absolute differences of the file's alpha from the network's at all pixels of ``images``.

    Both run on the CPU, in fp32 unless the file is int8. Returns a flat tensor.
    """
    segmenter = Segmenter(copy.deepcopy(network).cpu()).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.jit.load(str(exported), map_location="cpu").float().eval()
        tensors = [torch.from_numpy(image) for image in images]
        pairs = [(module(image, input_height), segmenter(image, input_height)) for image in tensors]
    return torch.cat([(alpha - truth).abs().flatten() for alpha, truth in pairs])


def parity_images() -> list[Image]:
    """Pictures to compare alphas on: a public-domain portrait, a close-up of odd size, noise."""
    from skimage import data

    portrait = np.ascontiguousarray(data.astronaut()[..., ::-1])
    noise = np.random.default_rng(0).integers(0, 256, (240, 427, 3), np.uint8)
    return [portrait, np.ascontiguousarray(portrait[:301, 100:401]), noise]


def enter_sum(target: Path, digest: str) -> None:
    """Add or replace the file's line in the ``SHA256SUMS`` of its folder."""
    sums = target.with_name(SUMS)
    lines = sums.read_text(encoding="utf-8").splitlines() if sums.exists() else []
    kept = [line for line in lines if line.split(maxsplit=1)[1:] != [target.name]]
    with replacing(sums) as unfinished:
        text = "\n".join([*kept, f"{digest}  {target.name}"]) + "\n"
        unfinished.write_text(text, encoding="utf-8")
