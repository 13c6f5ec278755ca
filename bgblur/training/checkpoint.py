"""Training checkpoints: written whole, read with errors a user can act on."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import nn

from bgblur.segmentation.network import build_network
from bgblur.training.data import DataError
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
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError as error:
        raise DataError(f"there is no checkpoint {path}: name a last.ckpt") from error
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise DataError(
            f"{path} cannot be read as a checkpoint of scripts/train.py: name its last.ckpt"
        ) from error
    if not isinstance(state, dict) or not state.keys() >= _KEYS:
        raise DataError(f"{path} is not a checkpoint of scripts/train.py: name its last.ckpt")
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
    try:
        recipe = Recipe.model_validate(state["recipe"])
    except ValidationError as error:
        raise DataError(f"the recipe in {path} is of another version: train anew") from error
    network = build_network(recipe.model.encoder, recipe.model.decoder_channels)
    restore(network, state["average"], path)
    return network.eval(), recipe.summary(int(state["step"]))
