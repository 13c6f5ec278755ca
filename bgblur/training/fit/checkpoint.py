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
from bgblur.segmentation.contract import PREVIOUS, Contract
from bgblur.training.data.sets import DataError
from bgblur.training.export.export import fold_batch_norms
from bgblur.training.export.legacy import upgraded
from bgblur.training.fit.recipe import Recipe

# Settings that a resumed run may change: the weights do not depend on them.
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
    before: Contract | None,
    pictures: str,
    *,
    device: torch.device,
    recorded: bool,
) -> dict[str, Any]:
    """The state of an unfinished run, to resume it on ``device``, whatever it was saved on.

    ``before`` is the history of the weights that the run began with, None where no --init was
    given; ``pictures`` is the fingerprint of the data; ``recorded`` is whether steps are recorded
    as CUDA graphs. Raises DataError where the checkpoint belongs to another run.
    """
    state = load_checkpoint(path, device)
    if _learnt(recipe_of(state, path)) != _learnt(recipe):
        other = "with another recipe"
    elif before is not None and "before" in state and history_before(state) != before:
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
    """The settings that the weights depend on."""
    settings = recipe.model_dump(mode="json", exclude={"name", "note"})
    return {**settings, "run": {k: v for k, v in settings["run"].items() if k not in _FREE}}


def _fit_optimizer(state: dict[str, Any], recorded_on: torch.device | None) -> None:
    """Change a state's optimizer and schedule, in place, to those of a run on this device.

    A run whose steps are recorded keeps its learning rate in the memory of ``recorded_on``; with
    None the rate is a plain number.
    """
    for group in state["optimizer"]["param_groups"]:
        for key in ("lr", "initial_lr"):
            rate = float(group[key])
            group[key] = torch.tensor(rate, device=recorded_on) if recorded_on else rate
        group["capturable"] = recorded_on is not None
    for key in ("base_lrs", "_last_lr"):
        state["scheduler"][key] = [float(rate) for rate in state["scheduler"][key]]


def load_network(path: Path) -> tuple[nn.Module, Contract]:
    """(averaged network in eval mode on the CPU, its training history). Raises DataError."""
    state = load_checkpoint(path)
    model = recipe_of(state, path).model
    network = model.build()
    if model.folded:
        network = fold_batch_norms(network.eval())
    restore(network, state["average"], path)
    return network.eval(), training_history(state, path)


def training_history(state: dict[str, Any], path: Path) -> Contract:
    """All stages up to this checkpoint's, for the model file. Raises DataError."""
    recipe = recipe_of(state, path)
    before = history_before(state)
    stage = recipe.record(int(state["step"]), PREVIOUS if before is not None else None)
    stages = (*(before.stages if before else ()), stage)
    return Contract(
        model=recipe.model.architecture, stages=stages, note=before.note if before else ""
    )


def history_before(state: dict[str, Any]) -> Contract | None:
    """The history of the weights that the run began with; None where it began with its own."""
    before = state.get("before")  # absent from the oldest checkpoints
    if not before:
        return None
    if isinstance(before, str):  # of checkpoints before version 2 of the contract
        return upgraded(Contract(version=1, note=before))
    return Contract.model_validate(before)


def recipe_of(state: dict[str, Any], path: Path) -> Recipe:
    """The stage that the checkpoint belongs to. Raises DataError."""
    try:
        return Recipe.model_validate(state["recipe"])
    except ValidationError as error:
        raise DataError(
            f"the recipe in {path} is of another version: start the training again"
        ) from error
