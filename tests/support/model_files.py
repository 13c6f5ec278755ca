"""Small TorchScript files that fulfil the engine's contract, or break it in one way."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

from bgblur.segmentation.contract import CONTRACT_FILE

BRIGHT = "(image.float().mean(2) > 127).float()"  # bright pixels are the person
BRIGHT_AT_ITS_HEIGHT = f"""
        plane = {BRIGHT}[None, None]
        width = int(input_height * image.size(1) / image.size(0))
        return torch.nn.functional.interpolate(plane, size=[input_height, width])[0, 0]
"""

SHADE = """
        alpha = image.float()[:96, :160, 0] / 2550 + 0.45
        alpha[0, 0] = 1.0  # somebody is there for certain
        return alpha
"""


def write_model(
    path: Path,
    body: str,
    contract: str | None = '{"version": 1}',
    weight: torch.Tensor | None = None,
) -> Path:
    """``body`` is the TorchScript of ``forward(self, image, input_height: int)``, which may use
    ``self.weight`` if ``weight`` is given."""

    def begin(self: torch.jit.ScriptModule) -> None:
        torch.jit.ScriptModule.__init__(self)
        if weight is not None:
            self.weight = torch.nn.Parameter(weight)

    extra = {} if contract is None else {CONTRACT_FILE: contract}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated
        # A class defines a method once.
        module = type("Model", (torch.jit.ScriptModule,), {"__init__": begin})()
        module.define(f"def forward(self, image: Tensor, input_height: int):\n{body}\n")
        torch.jit.save(module, str(path), _extra_files=extra)
    return path
