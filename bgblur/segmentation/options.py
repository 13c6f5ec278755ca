"""The user's options for the mask."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MaskOptions:
    """The values of ``[mask]`` in configs/config.toml."""

    refine_edges: bool = True
    smoothing: float = 0.95
    feather: float = 0.0
