"""A segment loop without the rest of the pipeline."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from bgblur.compositing.look import Look
from bgblur.frame import Alpha, Frame
from bgblur.pipeline.backend import Backend
from bgblur.pipeline.in_force import InForce
from bgblur.pipeline.mailbox import LatestSlot, Segmented
from bgblur.pipeline.segment import SegmentLoop
from bgblur.pipeline.state import Problems
from bgblur.pipeline.worker import Turn
from support.pipeline_parts import SHARP, SquareEngine, backend_of, picture


class Parts:
    """A segment loop with one frame to take."""

    def __init__(self, look: Look, behave: Callable[[Alpha], Any] = lambda alpha: alpha) -> None:
        self.captured: LatestSlot[Frame] = LatestSlot()
        self.segmented: LatestSlot[Segmented] = LatestSlot()
        self.problems = Problems()
        self.turn = Turn(threading.Event())
        self.engine = SquareEngine(behave)
        self.backend = backend_of(self.engine)
        self.in_force = InForce(look, SHARP)
        self.loop = SegmentLoop(
            self.load, self.captured, self.segmented, self.in_force, self.problems
        )
        self.captured.put(Frame(picture(1), 1))

    def load(self) -> Backend:
        return self.backend
