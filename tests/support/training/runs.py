"""Runs of a few steps of a small network."""

from __future__ import annotations

import lightning as L
import torch
from torch import nn

from bgblur.training.fit.recipe import Recipe


class CutError(Exception):
    """The run is interrupted."""


def recipe(steps: int, **run: object) -> Recipe:
    settings = {"steps": steps, "precision": "32-true", "workers": 0, "warmup_steps": 2}
    return Recipe.model_validate(
        {
            "model": {"decoder_channels": [32, 16, 16, 8, 8]},
            "run": {**settings, "ema_decay": 0.8, "checkpoint_every": 3, **run},
            "phase": [
                {"until": 0.5, "batch": 4, "sizes": [[32, 64]]},
                {"until": 1.0, "batch": 4, "sizes": [[64, 64], [32, 64]]},
            ],
        }
    )


def fabric() -> L.Fabric:
    return L.Fabric(accelerator="cpu", devices=1, precision="32-true")


def weights(network: nn.Module) -> torch.Tensor:
    return torch.cat([value.float().flatten() for value in network.state_dict().values()])
