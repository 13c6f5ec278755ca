"""What an engine that works by another one passes on to it."""

from __future__ import annotations

from typing import Any

from bgblur.frame import Image
from bgblur.segmentation.engine import Engine


class EngineWithin:
    """Answers as ``self._engine``, which may change, does. ``infer`` is the subclass's own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def device(self) -> str:
        return self._engine.device

    @property
    def unit(self) -> str:
        """What runs the network: an NPU, where alpha is on the processor."""
        return str(getattr(self._engine, "unit", self._engine.device))

    @property
    def precision(self) -> str:
        return self._engine.precision

    @property
    def input_height(self) -> int:
        return self._engine.input_height

    @input_height.setter
    def input_height(self, height: int) -> None:
        self._engine.input_height = height

    def upload(self, image: Image) -> Any:
        return self._engine.upload(image)
