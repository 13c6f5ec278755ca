"""From a checkpoint to the one file the daemon runs: half-precision, frozen TorchScript."""

from __future__ import annotations

import copy
import hashlib
import json
import warnings
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from bgblur.segmentation.engine import CONTRACT
from bgblur.segmentation.network import Segmenter, build_network
from bgblur.training.data import DataError
from bgblur.training.settings import ModelSettings


def load_network(checkpoint: Path) -> nn.Module:
    """The averaged network of a training checkpoint, in eval mode. Raises DataError."""
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        settings = ModelSettings.model_validate(state["recipe"]["model"])
        network = build_network(settings.encoder, settings.decoder_channels)
        network.load_state_dict(state["average"])
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"{checkpoint} is not a checkpoint of scripts/train.py: {reason}"
        ) from error
    return network.eval()


def export(network: nn.Module, target: Path, note: str = "") -> str:
    """Write ``target`` and return its SHA-256.

    Weights are stored in half precision with batch norms folded in; they stay parameters of the
    frozen module (not graph constants), so that one file can be cast to fp16, bf16 or fp32.
    """
    folded = fold_batch_norms(copy.deepcopy(network).cpu().eval())
    segmenter = Segmenter(folded).eval().to(memory_format=torch.channels_last)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated; see DESIGN in the README
        example = torch.zeros(1, 3, 96, 160).contiguous(memory_format=torch.channels_last)
        segmenter.network = torch.jit.trace(folded, example)
        scripted = torch.jit.script(segmenter.half())
        frozen = torch.jit._recursive.wrap_cpp_module(
            torch._C._freeze_module(scripted._c, preserveParameters=True)
        )
        frozen.save(str(target), _extra_files={CONTRACT: json.dumps({"version": 1, "note": note})})
    return hashlib.sha256(target.read_bytes()).hexdigest()


def fold_batch_norms(module: nn.Module) -> nn.Module:
    """Every convolution directly followed by a batch norm, in declaration order, made one."""
    previous: tuple[nn.Module, str, nn.Conv2d] | None = None
    for parent in list(module.modules()):
        previous = None
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d) and previous is not None:
                setattr(parent, previous[1], fuse_conv_bn_eval(previous[2], child))
                setattr(parent, name, nn.Identity())
                previous = None
            else:
                previous = (parent, name, child) if isinstance(child, nn.Conv2d) else None
    return module
