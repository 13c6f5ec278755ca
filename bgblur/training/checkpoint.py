"""Training checkpoints: written whole, read with errors a user can act on."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import nn

from bgblur.segmentation.network import build_network
from bgblur.training.data import DataError
from bgblur.training.export import fold_batch_norms
from bgblur.training.settings import Recipe

_KEYS = frozenset({"step", "network", "average", "averaged", "optimizer", "scheduler", "recipe"})


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write beside, then rename: a run cut off while saving still resumes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".tmp")
    torch.save(state, beside)
    beside.replace(path)


def load_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """The state as it was saved. Raises DataError."""
    if not path.is_file():
        raise DataError(f"there is no checkpoint {path}: name a last.ckpt")
    wrong = f"{path} is not a checkpoint of scripts/train.py, or damaged: name its last.ckpt"
    if not zipfile.is_zipfile(path):  # torch takes other files for its old format and stumbles
        raise DataError(wrong)
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise DataError(wrong) from error
    if not isinstance(state, dict) or not state.keys() >= _KEYS:
        raise DataError(wrong)
    return state


def restore(network: nn.Module, weights: dict[str, Any], path: Path) -> None:
    """Load the weights. Raises DataError where the recipe describes another network."""
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise DataError(
            f"{path} holds another network than the recipe: "
            "use its own recipe, or another folder for the new run"
        ) from error


def load_network(path: Path) -> tuple[nn.Module, str]:
    """(averaged network in eval mode on the CPU, how it was trained). Raises DataError."""
    state = load_checkpoint(path)
    model = recipe_of(state, path).model
    network = build_network(model.encoder, model.decoder_channels, decoder=model.decoder)
    if model.folded:
        network = fold_batch_norms(network.eval())
    restore(network, state["average"], path)
    return network.eval(), training_summary(state, path)


def training_summary(state: dict[str, Any], path: Path) -> str:
    """How the weights came about, runs they were started from included. Raises DataError."""
    summary = recipe_of(state, path).summary(int(state["step"]))
    # Absent from checkpoints of runs that started before it was kept.
    before = str(state.get("before", ""))
    if not before:
        return summary
    first = before if before.startswith("First: ") else f"First: {before}"
    return f"{first}. Then, from its averaged weights: {summary}"


def recipe_of(state: dict[str, Any], path: Path) -> Recipe:
    """What the run was. Raises DataError."""
    try:
        return Recipe.model_validate(state["recipe"])
    except ValidationError as error:
        raise DataError(f"the recipe in {path} is of another version: train anew") from error
