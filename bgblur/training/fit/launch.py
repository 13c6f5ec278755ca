"""One process or many: the same script under python, ``fabric run`` and ``torchrun``."""

from __future__ import annotations

import os
from typing import Any

import lightning as L


def make_fabric(precision: str) -> L.Fabric:
    """A Fabric, launched, for the way this process was started.

    Alone it takes one GPU, or the CPU. Under ``fabric run`` the command line there has chosen
    accelerator, devices and nodes; under ``torchrun`` there is one process a device already.
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
