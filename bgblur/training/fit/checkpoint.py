"""Training checkpoints: written whole, read with errors a user can act on."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import nn

from bgblur.files import replacing
from bgblur.training.data.sets import DataError
from bgblur.training.export.export import fold_batch_norms
from bgblur.training.fit.recipe import Recipe

# What a run may go on with otherwise: nothing that is learnt depends on it.
_FREE = {"steps", "workers", "augment", "checkpoint_every", "validate_every"}
_KEYS = frozenset({"step", "network", "average", "averaged", "optimizer", "scheduler", "recipe"})


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint whole: a run that is cut off while saving can still resume."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not by its name: torch would put that, a temporary one, into the file.
    with replacing(path) as unfinished, unfinished.open("wb") as file:
        torch.save(state, file)


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


def load_run(
    path: Path,
    recipe: Recipe,
    before: str | None,
    pictures: str,
    *,
    device: torch.device,
    recorded: bool,
) -> dict[str, Any]:
    """The state of this very run, to go on from on ``device``, whatever it was saved on.

    ``before`` says how the weights that it begins with came about, where it was said which;
    ``pictures`` is their fingerprint; ``recorded`` is whether steps are recorded as CUDA graphs.
    Raises DataError where the checkpoint is of another run.
    """
    state = load_checkpoint(path, device)
    if _learnt(recipe_of(state, path)) != _learnt(recipe):
        other = "with another recipe"
    elif before is not None and state.get("before", before) != before:
        other = "that began with another model"
    elif state.get("pictures", pictures) != pictures:  # absent from older checkpoints
        other = "with other pictures"
    else:
        _fit_optimizer(state, device if recorded else None)
        return state
    raise DataError(
        f"{path} is of an unfinished run {other}: finish that one as it was begun, "
        "or choose another folder for a new run with --out"
    )


def _learnt(recipe: Recipe) -> dict[str, Any]:
    said = recipe.model_dump(mode="json")
    return {**said, "run": {k: v for k, v in said["run"].items() if k not in _FREE}}


def _fit_optimizer(state: dict[str, Any], recorded_on: torch.device | None) -> None:
    """Make a state's optimizer and schedule, in place, those of a run whose steps are recorded,
    which have their rate in that device's memory, or with None of another one."""
    for group in state["optimizer"]["param_groups"]:
        for key in ("lr", "initial_lr"):
            rate = float(group[key])
            group[key] = torch.tensor(rate, device=recorded_on) if recorded_on else rate
        group["capturable"] = recorded_on is not None
    for key in ("base_lrs", "_last_lr"):
        state["scheduler"][key] = [float(rate) for rate in state["scheduler"][key]]


def load_network(path: Path) -> tuple[nn.Module, str]:
    """(averaged network in eval mode on the CPU, how it was trained). Raises DataError."""
    state = load_checkpoint(path)
    model = recipe_of(state, path).model
    network = model.build()
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
