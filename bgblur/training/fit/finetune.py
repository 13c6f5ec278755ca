"""Fine-tuning: rebuild the network of an exported model, and keep what it already knows."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional as F

from bgblur.errors import ModelError
from bgblur.segmentation.contract import Contract
from bgblur.segmentation.models import AUTO_MODEL, SHIPPED_MODELS, check_shipped
from bgblur.training.data.sets import DataError
from bgblur.training.export.equivalents import as_trained
from bgblur.training.export.export import fold_batch_norms
from bgblur.training.export.legacy import modern_contract_of
from bgblur.training.fit.checkpoint import load_checkpoint, load_network, recipe_of
from bgblur.training.fit.recipe import ModelSettings


@dataclass(frozen=True)
class Start:
    """A trained network to start from: batch norms folded in, on the CPU, eval mode.

    ``history`` holds the stages of its training so far.
    """

    network: nn.Module
    model: ModelSettings
    history: Contract


def initial_model(init: str) -> Path:
    """The file of a shipped model by its name, of the usual one for "auto", or the path itself.

    Raises ModelError where a shipped file is damaged.
    """
    shipped = SHIPPED_MODELS.get(AUTO_MODEL if init == "auto" else init)
    if shipped is None:
        return Path(init).expanduser()
    check_shipped(shipped)
    return shipped


def load_start(path: Path) -> Start:
    """Read a ``last.ckpt`` or an exported ``model.ts``. Raises DataError or ModelError.

    Batch norms are folded into the convolutions, as in export: in fine-tuning, the few pictures of
    one person in one room would spoil their statistics. A full recipe needs batch norms; unfold.py
    restores them.
    """
    if path.suffix == ".ckpt":
        network, history = load_network(path)
        model = recipe_of(load_checkpoint(path), path).model
        folded = fold_batch_norms(network).requires_grad_(True)  # a folded bias comes frozen
        return Start(folded, model.model_copy(update={"folded": True}), history)
    weights, history = _exported(path)
    model = _model(history, path)
    network = fold_batch_norms(model.build().eval())
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise DataError(
            f"{path} holds another network than it says: start from its last.ckpt"
        ) from error
    return Start(network.requires_grad_(True), model, history)  # a folded bias comes frozen


def _exported(path: Path) -> tuple[dict[str, Tensor], Contract]:
    """The file's weights by the network's own names, and its history."""
    if not path.is_file():
        raise ModelError(f"there is no model file {path}: name a last.ckpt, a model.ts or auto")
    try:
        contract = modern_contract_of(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch.jit is deprecated
            module = torch.jit.load(str(path), map_location="cpu")
    except (ModelError, RuntimeError, ValueError) as error:
        raise ModelError(
            f"{path} is not a bgblur model, or it is damaged: name a last.ckpt or a model.ts"
        ) from error
    prefix = "network."
    weights = {
        name.removeprefix(prefix): value.detach().float()
        for name, value in module.named_parameters()
        if name.startswith(prefix)
    }
    return as_trained(weights), contract.model_copy(update={"cpu_precision": None})


def _model(history: Contract, path: Path) -> ModelSettings:
    if history.model is None:
        raise DataError(
            f"{path} does not say which network it is, as a model from elsewhere: "
            "only models of scripts/export.py can be trained on"
        )
    try:
        return ModelSettings(**history.model.model_dump(), folded=True)
    except ValidationError as error:
        raise DataError(
            f"{path} names a network that cannot be built: start from its last.ckpt"
        ) from error


@torch.no_grad()
def blend(network: nn.Module, initial: nn.Module, keep: float) -> None:
    """Move the weights of ``network`` towards those of ``initial`` by the share ``keep``, in place.

    An average of a model's weights before and after fine-tuning keeps nearly all of what either
    model knows (WiSE-FT, Wortsman et al. 2022, arXiv:2109.01903).
    """
    for tuned, first in zip(network.parameters(), initial.parameters(), strict=True):
        tuned.lerp_(first.to(tuned.device), keep)


def distillation_loss(logits: Tensor, teacher: Tensor, alpha: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy against the teacher's probabilities (Hinton et al. 2015), where it is right.

    Pixels where the teacher contradicts the truth are left out: there the truth alone counts.
    Pixels without truth (weight 0) follow the teacher. All ``(N, 1, H, W)``; ``teacher`` holds
    logits. Returns a scalar.
    """
    agrees = ((teacher > 0) == (alpha > 0.5)) | (weight == 0)
    loss = F.binary_cross_entropy_with_logits(logits, teacher.sigmoid(), reduction="none")
    return (loss * agrees).sum() / agrees.sum().clamp(min=1)
