"""How alpha is made from what the network gives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MaskOptions:
    """The configuration's ``[mask]``: see configs/config.toml."""

    refine_edges: bool = True
    smoothing: float = 0.95
    feather: float = 0.0
