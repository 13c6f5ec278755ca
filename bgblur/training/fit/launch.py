"""One process or many: the same script runs under python, ``fabric run`` and ``torchrun``."""

from __future__ import annotations

import os
from typing import Any

import lightning as L


def make_fabric(precision: str) -> L.Fabric:
    """A launched Fabric, configured for the way this process was started.

    A single process uses one GPU, or the CPU. Under ``fabric run`` its command line has chosen
    accelerator, devices and nodes; under ``torchrun`` each device has its process already.
    """
    chosen: dict[str, Any] = {"precision": precision}
    if "LT_CLI_USED" in os.environ:
        return L.Fabric(**chosen)  # launched already
    if "TORCHELASTIC_RUN_ID" in os.environ:
        local, world = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
        chosen |= {"strategy": "ddp", "devices": local, "num_nodes": world // local}
    else:
        chosen |= {"devices": 1}
    fabric = L.Fabric(accelerator="auto", **chosen)
    fabric.launch()
    return fabric
