"""The engine's interface: what every implementation of inference offers."""

from __future__ import annotations

from typing import Any, Protocol

from bgblur.frame import Image


class Engine(Protocol):
    """Finds the person. What ``upload`` returns is what ``infer`` and the compositor take."""

    device: str
    precision: str
    input_height: int

    def upload(self, image: Image) -> Any:
        """The frame on the engine's device; on the CPU the array itself."""

    def infer(self, pixels: Any) -> Any:
        """Alpha at the network's resolution: ``float32`` (h, w) in 0..1, an array on the CPU and
        a tensor elsewhere. Raises RuntimeError when the device fails."""
