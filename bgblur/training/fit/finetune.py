"""Fine-tuning: the network that an exported model came from, and how it keeps what it knew."""

from __future__ import annotations

import re
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bgblur.errors import ModelError
from bgblur.segmentation.models import AUTO_MODEL, SHIPPED_MODELS, check_shipped
from bgblur.training.data.sets import DataError
from bgblur.training.export.equivalents import as_trained
from bgblur.training.export.export import fold_batch_norms, read_note
from bgblur.training.fit.checkpoint import load_checkpoint, load_network, recipe_of
from bgblur.training.fit.recipe import ModelSettings

# What Recipe.summary writes into a model's note; the last run's stands last.
_ARCHITECTURE = re.compile(
    r"encoder (\S+?)(?: \(\w+ weights\))?, (light )?decoder (\d+(?:-\d+)*)"
    r"(?: with blocks (\d+(?:-\d+)*))?;"
)


@dataclass(frozen=True)
class Start:
    """A trained network to go on from: batch norms folded in, on the CPU, eval mode.

    ``history`` says how its weights came about.
    """

    network: nn.Module
    model: ModelSettings
    history: str


def initial_model(init: str) -> Path:
    """A shipped model by its name, "auto" for the usual one, or a path. Raises ModelError."""
    shipped = SHIPPED_MODELS.get(AUTO_MODEL if init == "auto" else init)
    if shipped is None:
        return Path(init).expanduser()
    check_shipped(shipped)
    return shipped


def load_start(path: Path) -> Start:
    """From a ``last.ckpt`` or an exported ``model.ts``. Raises DataError or ModelError.

    Fine-tuning: the few pictures of one person in one room would spoil the statistics of batch
    norms, so those are folded into the convolutions, as export does. A whole recipe wants them:
    unfold.py gives them back.
    """
    if path.suffix == ".ckpt":
        network, history = load_network(path)
        model = recipe_of(load_checkpoint(path), path).model
        folded = fold_batch_norms(network).requires_grad_(True)  # a folded bias comes frozen
        return Start(folded, model.model_copy(update={"folded": True}), history)
    weights, note = _exported(path)
    model = _architecture(note, path)
    network = fold_batch_norms(model.build().eval())
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise DataError(
            f"{path} holds another network than its note says: start from its last.ckpt"
        ) from error
    return Start(network.requires_grad_(True), model, note)  # a folded bias comes frozen


def _exported(path: Path) -> tuple[dict[str, Tensor], str]:
    """The file's weights by the network's own names, and its note."""
    if not path.is_file():
        raise ModelError(f"there is no model file {path}: name a last.ckpt, a model.ts or auto")
    try:
        note = read_note(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch.jit is deprecated
            module = torch.jit.load(str(path), map_location="cpu")
    except (RuntimeError, ValueError, StopIteration, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{path} is not a bgblur model, or it is damaged: name a last.ckpt or a model.ts"
        ) from error
    prefix = "network."
    weights = {
        name.removeprefix(prefix): value.detach().float()
        for name, value in module.named_parameters()
        if name.startswith(prefix)
    }
    return as_trained(weights), note


def _architecture(note: str, path: Path) -> ModelSettings:
    found = _ARCHITECTURE.findall(note)
    if not found:
        raise DataError(
            f"{path} does not say which network it is, as a model from elsewhere: "
            "only models of scripts/export.py can be trained on"
        )
    encoder, light, channels, blocks = found[-1]
    return ModelSettings(
        encoder=encoder,
        decoder_channels=tuple(map(int, channels.split("-"))),
        decoder="light" if light else "unet",
        decoder_blocks=tuple(map(int, blocks.split("-"))) if blocks else (),
        folded=True,
    )


@torch.no_grad()
def blend(network: nn.Module, initial: nn.Module, keep: float) -> None:
    """Move ``network`` back to ``initial`` by the share ``keep``, in place.

    Between a model and its fine-tuned self lie models that know nearly all of what either knows
    (WiSE-FT, Wortsman et al. 2022, arXiv:2109.01903).
    """
    for tuned, first in zip(network.parameters(), initial.parameters(), strict=True):
        tuned.lerp_(first.to(tuned.device), keep)


def distillation_loss(logits: Tensor, teacher: Tensor, alpha: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy against the teacher's probabilities (Hinton et al. 2015), where it is right.

    Where teacher and truth disagree about the person the truth alone counts: that is what is to
    be learnt. Where nothing is known (weight 0) the teacher is followed. All ``(N, 1, H, W)``;
    ``teacher`` are logits. Returns a scalar.
    """
    agrees = ((teacher > 0) == (alpha > 0.5)) | (weight == 0)
    loss = F.binary_cross_entropy_with_logits(logits, teacher.sigmoid(), reduction="none")
    return (loss * agrees).sum() / agrees.sum().clamp(min=1)
