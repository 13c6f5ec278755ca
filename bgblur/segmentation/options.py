"""The user's options for the mask."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MaskOptions:
    """The values of ``[mask]`` in configs/config.toml. ``by_color``: colour guides the filter, on a
    processor, where the edges are refined."""

    refine_edges: bool = True
    smoothing: float = 0.95
    feather: float = 0.0
    by_color: bool = False
