"""The engine's interface: what every implementation of inference offers."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from bgblur.frame import Image

SLACK = 0.01  # tolerance of alpha's range, for half precision


class Engine(Protocol):
    """Finds the person. What ``upload`` returns is what ``infer`` and the compositor take."""

    input_height: int

    @property
    def device(self) -> str:
        """Where it infers: "cpu", or torch's name of a device."""

    @property
    def precision(self) -> str:
        """The arithmetic: "fp32", "bf16", "fp16" or "int8"."""

    def upload(self, image: Image) -> Any:
        """The frame on the engine's device; on the CPU the array itself."""

    def infer(self, pixels: Any) -> Any:
        """Alpha at the network's resolution: ``float32`` (h, w) in 0..1, an array on the CPU and
        a tensor elsewhere. Raises RuntimeError when the device fails."""


@runtime_checkable
class CompilingEngine(Engine, Protocol):
    """An engine that compiles the network for each size of its input, which takes long."""

    def compiled(self, input_height: int, rows: int, columns: int) -> bool:
        """Whether it has compiled for frames of this size at this height."""

    def compile(self, input_height: int, rows: int, columns: int) -> None:
        """Compile for them; another thread may infer meanwhile. Raises RuntimeError."""
