"""A model and a compositor that break in every known way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np

from bgblur.compositing.compositor import CpuCompositor
from bgblur.compositing.look import Look
from bgblur.config.settings import EngineSettings
from bgblur.errors import ModelError
from bgblur.frame import Alpha, Image
from bgblur.imaging.tiled import TiledAlpha
from bgblur.pipeline.backend import Backend
from bgblur.pipeline.build import load_backend
from bgblur.segmentation.governor import Effort
from bgblur.segmentation.ladder import HEIGHTS
from bgblur.stats import Stats
from support.faults.switch import Switch
from support.faults.tally import TALLY
from support.pipeline_parts import SquareEngine

RUNGS = HEIGHTS["cpu"]


@dataclass(frozen=True)
class Pace:
    """How the engine is set up, and its speed."""

    rung: int = 160  # the height it starts at
    governed: bool = True  # whether the governor may leave it
    seconds: float = 0.0  # of an inference at 160 rows
    skip_static: bool = True

    @property
    def settings(self) -> EngineSettings:
        return EngineSettings(
            input_height="auto" if self.governed else self.rung, skip_static=self.skip_static
        )


class Model:
    """``load`` returns what the daemon runs around an engine that finds the square, takes its time
    by ``pace`` and breaks by ``switch``."""

    RAISES: ClassVar[dict[str, Callable[[], Exception]]] = {
        "raises": lambda: RuntimeError("in forward\nRuntimeError: broken"),
        "out of memory": lambda: RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        "no memory": MemoryError,
    }
    ALPHAS: ClassVar[dict[str, Callable[[Alpha], Any]]] = {
        "a NaN": lambda alpha: np.where(alpha > 0, np.nan, alpha),
        "infinity": lambda alpha: np.full_like(alpha, np.inf),
        "both infinities": lambda alpha: np.where(alpha > 0, np.inf, -np.inf),
        "logits": lambda alpha: np.where(alpha > 0, alpha * 9, 2.5).astype(np.float32),
        "three dimensions": lambda alpha: alpha[None],
        "turned on its side": lambda alpha: np.ascontiguousarray(alpha.T),
        "nothing": lambda alpha: alpha[:0],
        "None": lambda alpha: None,
        "a strip": lambda alpha: alpha[:8],
    }
    LOADS: ClassVar[dict[str, Callable[[], Exception]]] = {
        "cannot be loaded": lambda: ModelError("the model file is broken"),
        "fails to load": lambda: RuntimeError("CUDA error: no kernel image"),
    }
    PICTURES = ("slow pictures", "no pictures")  # of the compositor
    FAULTS = (*RAISES, *ALPHAS, *LOADS, *PICTURES, "hangs", "context lost", "late", "slow")

    def __init__(self, pace: Pace | None = None) -> None:
        self.switch = Switch(self.RAISES)
        self.pace = pace or Pace()
        self.efforts: list[Effort] = []  # of all that were loaded
        # Called with the name of each network that is loaded, in its thread.
        self.on_load: Callable[[str], None] = lambda _: None
        self.breaks_except: str | None = None  # all other networks fail

    def load(
        self,
        settings: EngineSettings | None = None,
        stats: Stats | None = None,
        fps: Callable[[], float] = lambda: 30.0,
    ) -> Backend:
        if self.switch.fault in self.LOADS:
            raise self.LOADS[self.switch.fault]()
        if self.switch.fault == "hangs":
            self.switch.strike()
        lost = threading.Event()

        def behave(network: str, alpha: Alpha) -> Any:
            if self.breaks_except not in (None, network):
                raise RuntimeError("no memory")
            TALLY.heights[len(alpha)] += 1
            time.sleep(self.pace.seconds * (len(alpha) / 160) ** 2)
            fault = self.switch.fault
            if fault == "context lost":
                lost.set()
            if lost.is_set():
                raise RuntimeError("CUDA error: unspecified launch failure")
            self.switch.strike()
            time.sleep({"late": 1.2, "slow": 0.15}.get(fault or "", 0))
            return self.ALPHAS[fault](alpha) if fault in self.ALPHAS else alpha

        def engine(chosen: EngineSettings) -> SquareEngine:
            self.on_load(chosen.model)
            height = chosen.input_height
            behaves = partial(behave, chosen.model)
            return SquareEngine(behaves, self.pace.rung if isinstance(height, str) else height)

        backend = load_backend(
            settings or self.pace.settings, stats or Stats(), fps=fps, load_engine=engine
        )
        assert backend.effort is not None  # live matting
        self.efforts.append(backend.effort)
        return replace(backend, compositor=FaultyCompositor(self.switch))


class FaultyCompositor(CpuCompositor):
    def __init__(self, switch: Switch) -> None:
        super().__init__()
        self._switch = switch

    def compose(
        self,
        pixels: Image,
        alpha: Alpha | TiledAlpha,
        look: Look,
        seconds: float = 0.0,
        i420: bool = False,
    ) -> Image:
        if self._switch.fault == "no pictures":
            raise ValueError("no memory")
        if self._switch.fault == "slow pictures":
            time.sleep(0.35)
        return super().compose(pixels, alpha, look, seconds)
